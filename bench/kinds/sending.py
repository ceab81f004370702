"""Sending: tensors that cross a cut, through a codec to messages and back: measured, and in service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from bench.errors import SeesawError
from bench.kinds.codec import Codec
from bench.kinds.frame import Frame, read_frames, write_frame
from bench.network.crossing import Crossing


class Message(NamedTuple):
    """The bytes that one sample sends.

    Attributes:
        payload: how many the encoded feature and the logits with it take, unframed.
        frames: feature (or input) and logits as they travel.
    """

    payload: int
    frames: bytes


def send(cut: Crossing, x: Tensor, codec: Codec) -> tuple[list[Message], Tensor]:
    """Send a batch across a cut.

    Args:
        cut: shape of the feature, and number of the logits that go with it.
        x: output of the part before it, (N, *cut.joined); for a codec of inputs, these before they are scaled.
        codec: of the feature, or of inputs; logits cross as float32.

    Returns:
        A message for each sample, and the tensor that arrives (`receive`).
    """
    messages = messages_of(cut, x, codec)
    return messages, receive(cut, [one.frames for one in messages], codec)


def messages_of(cut: Crossing, x: Tensor, codec: Codec) -> list[Message]:
    """The message of each sample of a batch, as `send` sends them: what a device has to do.

    Args:
        cut: shape of the feature, and number of the logits that go with it.
        x: output of the part before it, (N, *cut.joined); for a codec of inputs, these before they are scaled.
        codec: of the feature, or of inputs; logits cross as float32.
    """
    x = x.detach().cpu()
    feature, earlier = cut.part(x if codec.content == "input" else x.float())
    logits = torch.stack(earlier, 1).numpy().astype("<f4") if earlier else [None] * len(feature)
    return [_message(cut, codec, *sample) for sample in zip(feature, logits, strict=True)]


def _message(cut: Crossing, codec: Codec, feature: Tensor, logits: np.ndarray | None) -> Message:
    """The message of one sample: its feature, *cut.shape, and the logits that go with it, (carried, classes)."""
    payload = codec.encode(feature)
    frames, size = write_frame(payload, cut.shape, codec.content), len(payload)
    if logits is not None:
        beside = logits.tobytes()
        frames, size = frames + write_frame(beside, logits.shape, "logits"), size + len(beside)
    return Message(size, frames)


def receive(cut: Crossing, messages: Sequence[bytes], codec: Codec) -> Tensor:
    """The tensor that crossed a cut, (N, *cut.joined), on the CPU.

    Args:
        cut: shape of the feature, and number of the logits that go with it.
        messages: as they travelled, one a sample.
        codec: of the feature, or of inputs.

    Returns:
        The input of the part behind the cut, float32; for a codec of inputs, these as they were before scaling.

    Raises:
        SeesawError: no message, or one that is damaged, or is not of this cut and codec.
    """
    return joined(cut, [read_frames(one) for one in messages], codec)


def joined(cut: Crossing, framed: Sequence[Sequence[Frame]], codec: Codec) -> Tensor:
    """The tensor that crossed a cut, as by `receive`, from the frames of messages that were read before.

    Args:
        cut: shape of the feature, and number of the logits that go with it.
        framed: the frames of each sample, at least one.
        codec: of the feature, or of inputs.

    Raises:
        SeesawError: no message, or one that is not of this cut and codec.
    """
    if not framed:
        raise SeesawError("No message arrived. Send at least one.")
    features, logits = [], []
    for first, *beside in framed:
        frames = [(frame.content, frame.shape) for frame in (first, *beside)]
        expected = [(codec.content, cut.shape)]
        expected += [("logits", (cut.carried, cut.classes))] if cut.carried else []
        if frames != expected:
            raise SeesawError(
                f"A message of {first.content} {first.shape} and {len(beside)} frames beside it does not fit a cut "
                f"of {codec.content} {cut.shape}. Use the same network, cut and version on both sides."
            )
        features.append(_decoded(codec, first))
        logits += [_logits(frame.payload, frame.shape) for frame in beside]
    earlier = list(torch.stack(logits).unbind(1)) if logits else []
    return cut.join(features[0].unsqueeze(0) if len(features) == 1 else torch.stack(features), earlier)


def _decoded(codec: Codec, frame: Frame) -> Tensor:
    """The tensor of a frame.

    Raises:
        SeesawError: its payload is not one of this codec and shape.
    """
    try:
        x = codec.decode(frame.payload, frame.shape)
        if tuple(x.shape) != frame.shape:
            raise ValueError(f"they give a tensor of shape {tuple(x.shape)}")
        return x
    except Exception as error:  # a codec is anyone's, and its payload came from elsewhere
        raise SeesawError(
            f"{len(frame.payload)} bytes are no {frame.content} of shape {frame.shape} by {type(codec).__name__} "
            f"({error}). Use the same codec and version on both sides."
        ) from error


def _logits(payload: bytes, shape: tuple[int, ...]) -> Tensor:
    """Logits as they were sent.

    Raises:
        SeesawError: their number is not that of their shape.
    """
    if len(payload) != 4 * shape[0] * shape[1]:
        raise SeesawError(f"{len(payload)} bytes are no logits of shape {shape}. Ask for them again.")
    return torch.from_numpy(np.frombuffer(payload, "<f4").reshape(shape).astype(np.float32))
