"""Sending: tensors that cross a cut, through a codec to messages and back: measured, and in service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from bench.errors import SeesawError
from bench.kinds.codec import Codec
from bench.kinds.frame import read_frames, write_frame
from bench.network.crossing import Crossing


class Message(NamedTuple):
    """The bytes that one sample sends.

    Attributes:
        payload: how many the encoded feature and the logits with it take, unframed.
        frames: feature and logits as they travel.
    """

    payload: int
    frames: bytes


def send(cut: Crossing, x: Tensor, codec: Codec) -> tuple[list[Message], Tensor]:
    """Send a batch across a cut.

    Args:
        cut: shape of the feature, and number of the logits that go with it.
        x: output of the part before it, (N, *cut.joined).
        codec: of the feature; logits cross as float32.

    Returns:
        A message for each sample, and the tensor that arrives, float32 on the CPU, (N, *cut.joined).
    """
    feature, earlier = cut.part(x.detach().float().cpu())
    logits = torch.stack(earlier, 1).numpy().astype("<f4") if earlier else None
    messages = [
        message(cut, codec.encode(one), None if logits is None else logits[number])
        for number, one in enumerate(feature)
    ]
    return messages, receive(cut, [one.frames for one in messages], codec)


def message(cut: Crossing, payload: bytes, logits: np.ndarray | None = None) -> Message:
    """The message of one sample.

    Args:
        cut: shape of the feature, and number of the logits that go with it.
        payload: the encoded feature.
        logits: of the earlier exits that go with it, float32 (carried, classes).
    """
    frames, size = write_frame(payload, cut.shape), len(payload)
    if logits is not None:
        beside = logits.tobytes()
        frames, size = frames + write_frame(beside, logits.shape, "logits"), size + len(beside)
    return Message(size, frames)


def receive(cut: Crossing, messages: Sequence[bytes], codec: Codec) -> Tensor:
    """The input of the part behind a cut, float32 on the CPU, (N, *cut.joined).

    Args:
        cut: shape of the feature, and number of the logits that go with it.
        messages: as they travelled, one a sample.
        codec: of the feature.

    Raises:
        SeesawError: a message that is damaged, or is not of this cut.
    """
    features, logits = [], []
    for one in messages:
        feature, *beside = read_frames(one)
        shapes = [(frame.content, frame.shape) for frame in beside]
        expected = [("logits", (cut.carried, cut.classes))] if cut.carried else []
        if (feature.content, feature.shape) != ("feature", cut.shape) or shapes != expected:
            raise SeesawError(
                f"A message of a feature {feature.shape} and {len(beside)} frames beside it does not fit a cut of "
                f"features {cut.shape}. Use the same network, cut and version on both sides."
            )
        features.append(codec.decode(feature.payload, cut.shape))
        logits += [_logits(frame.payload, frame.shape) for frame in beside]
    earlier = list(torch.stack(logits).unbind(1)) if logits else []
    return cut.join(torch.stack(features), earlier)


def _logits(payload: bytes, shape: tuple[int, ...]) -> Tensor:
    """Logits as they were sent.

    Raises:
        SeesawError: their number is not that of their shape.
    """
    if len(payload) != 4 * shape[0] * shape[1]:
        raise SeesawError(f"{len(payload)} bytes are no logits of shape {shape}. Ask for them again.")
    return torch.from_numpy(np.frombuffer(payload, "<f4").reshape(shape).astype(np.float32))
