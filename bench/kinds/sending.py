"""Sending: tensors that cross a cut, through a codec to messages and back: measured, and in service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from bench.errors import SeesawError
from bench.kinds.codec import Codec
from bench.kinds.frame import Frame, Payload, read_frames, write_frame
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
    expected = [(codec.content, cut.shape)]
    expected += [("logits", (cut.carried, cut.classes))] if cut.carried else []
    for frames in framed:
        if [(frame.content, frame.shape) for frame in frames] != expected:
            first, *beside = frames
            raise SeesawError(
                f"A message of {first.content} {first.shape} and {len(beside)} frames beside it does not fit a cut "
                f"of {codec.content} {cut.shape}. Use the same network, cut and version on both sides."
            )
    features = _decoded(codec, [frames[0].payload for frames in framed], cut.shape)
    if not cut.carried:
        return cut.join(features, [])
    logits = torch.stack([_logits(frames[1].payload, frames[1].shape) for frames in framed])
    return cut.join(features, logits.unbind(1))


def _decoded(codec: Codec, payloads: Sequence[Payload], shape: tuple[int, ...]) -> Tensor:
    """The tensors of payloads as one, (N, *shape).

    Raises:
        SeesawError: a payload is not one of this codec and shape.
    """
    try:
        x = codec.decode_all(payloads, shape)
        if tuple(x.shape) != (len(payloads), *shape):
            raise ValueError(f"they give a tensor of shape {tuple(x.shape[1:])}")
        return x
    except Exception as error:  # a codec is anyone's, and its payload came from elsewhere
        sizes = " or ".join(str(size) for size in sorted({len(one) for one in payloads}))
        raise SeesawError(
            f"{sizes} bytes are no {codec.content} of shape {shape} by {type(codec).__name__} ({error}). Use the same codec and version "
            "on both sides."
        ) from error


def _logits(payload: Payload, shape: tuple[int, ...]) -> Tensor:
    """Logits as they were sent.

    Raises:
        SeesawError: their number is not that of their shape.
    """
    if len(payload) != 4 * shape[0] * shape[1]:
        raise SeesawError(f"{len(payload)} bytes are no logits of shape {shape}. Ask for them again.")
    return torch.from_numpy(np.frombuffer(payload, "<f4").reshape(shape).astype(np.float32))
