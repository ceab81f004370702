"""Wire: questions and answers as they cross the network, within bounds; `seesaw.proto` says the same for other languages."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from bench.errors import SeesawError, needing

with needing("serve", "Serving over a network needs"):
    from google.protobuf.message import DecodeError

    from bench.shipping.serving import seesaw_pb2 as messages

if TYPE_CHECKING:
    from bench.shipping.serving.batches import Given
    from bench.shipping.serving.cuts import ShippedCut

VERSION = 1
SERVICE = "seesaw.v1.Seesaw"
DESCRIBE, ASK, STREAM = (f"/{SERVICE}/{name}" for name in ("Describe", "Ask", "Stream"))
MOST_REFUSAL = 1000
"""Characters of a sentence that an answer carries."""
AROUND = 1 << 10
"""Bytes of a question beside its message, at most."""


class Answered(NamedTuple):
    """The server's answer to one question.

    Attributes:
        id: of the question.
        logits: of the last exit, float32 (classes,); None where the server refused.
        waited: seconds until its batch began.
        computed: seconds that its batch took.
        batch: samples in its batch.
        refused: why there are no logits.
    """

    id: int
    logits: Tensor | None
    waited: float = 0.0
    computed: float = 0.0
    batch: int = 0
    refused: str = ""


class Question(NamedTuple):
    """A question to a server.

    Attributes:
        id: of the device's own choice, from 0.
        record: digest of the network's record.
        cut: first stage that the server runs.
        message: the frames of one sample.
    """

    id: int
    record: str
    cut: int
    message: memoryview


_ID, _RECORD, _CUT, _MESSAGE = 0x08, 0x12, 0x18, 0x22
"""Bytes before each field of a question: eight times its number in seesaw.proto, and its kind."""


def question(id_: int, key: tuple[str, int], message: bytes) -> bytes:
    """A question as bytes.

    Args:
        id_: of the device's own choice, from 0.
        key: the digest of the record, and the cut.
        message: the frames of one sample.
    """
    record, cut = key
    return messages.Question(id=id_, record=record, cut=cut, message=message).SerializeToString()


def read_question(data: bytes) -> Question:
    """A question from bytes of anyone; its message is a view of them where the fields stand in their usual order.

    Raises:
        SeesawError: they are none.
    """
    usual = _in_order(data)
    if usual is not None:
        return usual
    try:
        one = messages.Question.FromString(data)
    except DecodeError as error:
        raise SeesawError("These bytes are no question of seesaw.proto. Send a Question.") from error
    return Question(one.id, one.record, one.cut, memoryview(one.message))


def _in_order(data: bytes) -> Question | None:
    """A question whose fields stand in the order of their numbers, as protobuf writes them: it reads them too, and copies the message
    twice. None for bytes in another order, or that are no question.
    """
    id_ = size = cut = at = 0
    record = b""
    try:
        if data[at] == _ID:
            id_, at = _varint(data, at + 1)
        if data[at] == _RECORD:
            size, at = _varint(data, at + 1)
            record, at = data[at : at + size], at + size
        if data[at] == _CUT:
            cut, at = _varint(data, at + 1)
        if data[at] != _MESSAGE:
            return None
        size, at = _varint(data, at + 1)
        if at + size != len(data) or cut >> 32:
            return None
        return Question(id_, record.decode(), cut, memoryview(data)[at:])
    except (IndexError, UnicodeDecodeError):
        return None


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A whole number as protobuf writes it, seven bits a byte, the lowest first; and where it ends.

    Raises:
        IndexError: it has no end within 63 bits.
    """
    value = data[at] & 127
    for more in range(1, 10):
        if data[at + more - 1] < 128:
            return value, at + more
        value |= (data[at + more] & 127) << 7 * more
    raise IndexError


def answer(one: Answered) -> bytes:
    """An answer as bytes."""
    logits = b"" if one.logits is None else one.logits.numpy().astype("<f4").tobytes()
    return messages.Answer(
        id=one.id, logits=logits, waited=one.waited, computed=one.computed, batch=one.batch,
        refused=one.refused[:MOST_REFUSAL],
    ).SerializeToString()  # fmt: skip


def computed_answer(id_: int, given: Given[np.ndarray]) -> bytes:
    """The answer as bytes to a question that was computed.

    Args:
        id_: of the question.
        given: what became of it: logits of the last exit, float32 (classes,).
    """
    return messages.Answer(
        id=id_, logits=given.answer.astype("<f4", copy=False).tobytes(), waited=given.waited, computed=given.computed, batch=given.batch
    ).SerializeToString()  # fmt: skip


def read_answer(data: bytes, classes: int) -> Answered:
    """An answer from bytes of anyone.

    Args:
        data: as they arrived.
        classes: how many logits it must have, unless it refuses.

    Raises:
        SeesawError: they are none, or of another network.
    """
    try:
        one = messages.Answer.FromString(data)
    except DecodeError as error:
        raise SeesawError(
            "These bytes are no answer of seesaw.proto. Check what listens at that port."
        ) from error
    refused = "".join(c if c.isprintable() else " " for c in one.refused[:MOST_REFUSAL])
    if not refused and len(one.logits) != 4 * classes:
        raise SeesawError(
            f"An answer holds {len(one.logits)} bytes of logits, and {classes} classes take {4 * classes}. Use the same "
            "network and version on both sides."
        )
    logits = None if refused else torch.from_numpy(np.frombuffer(one.logits, "<f4").astype(np.float32))
    return Answered(one.id, logits, one.waited, one.computed, one.batch, refused)


def description(served: dict[tuple[str, int], tuple[ShippedCut, float]]) -> bytes:
    """What a server serves, as bytes.

    Args:
        served: cuts by their keys, with the seconds that one sample takes behind them.
    """
    entries = [
        messages.Served(
            record=one.manifest.record, cut=one.cut, feature=one.crossing.shape, carried=one.crossing.carried,
            classes=one.crossing.classes, codec=one.spec, most_bytes=one.most_bytes, seconds=seconds, name=one.name,
        )
        for one, seconds in served.values()
    ]  # fmt: skip
    return messages.Description(version=VERSION, served=entries).SerializeToString()


def read_description(data: bytes) -> dict[tuple[str, int], messages.Served]:
    """What a server says that it serves, by record and cut.

    Raises:
        SeesawError: the bytes are no description, or of another version.
    """
    try:
        one = messages.Description.FromString(data)
    except DecodeError as error:
        raise SeesawError(
            "These bytes are no description of seesaw.proto. Check what listens at that port."
        ) from error
    if one.version != VERSION:
        raise SeesawError(
            f"The server speaks version {one.version}, and this device {VERSION}. Install the same seesaw-bench on both sides."
        )
    return {(entry.record, entry.cut): entry for entry in one.served}
