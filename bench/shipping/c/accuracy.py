"""Accuracy: what int8 costs over the whole test split, counted in the arithmetic of the generated C."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from bench.kinds.codec import Codec
from bench.shipping.c.code import Code
from bench.shipping.manifest import Int8Answers, Int8Exit
from bench.shipping.parts import Shipment


def int8_answers(shipment: Shipment, codes: Mapping[str, Code]) -> Int8Answers:
    """Count the right answers of int8, and of the network before its weights were rounded, at every exit.

    A server's part takes what the device's part sends, through the codec of the cut.

    Args:
        shipment: with the test split.
        codes: of its parts, by name, of int8.
    """
    assert shipment.split is not None
    codec = None if shipment.codec is None else shipment.codec[1]
    parts = shipment.parts()
    counts = [
        Int8Exit(
            part=name, stage=int(stage), right=0, network=0, alike=0, python=None if part.start == 0 else 0
        )
        for name, part in parts.items()
        for stage in part.heads
    ]
    samples = 0
    for x, labels in shipment.split():
        with torch.no_grad():
            network = (shipment.original or shipment.net)(x)
        samples, came, at = samples + len(labels), x, 0
        for name, part in parts.items():
            ints = codes[name].ints
            assert ints is not None
            logits, feature = ints.run(came.numpy())
            behind = None
            if part.start:
                with torch.no_grad():
                    behind = part.answers(came)[1]
            for n, own in enumerate(logits):
                answers = torch.from_numpy(own.argmax(1))  # of equal logits the first, as in C
                theirs = network[at].argmax(1)
                one = counts[at]
                update = {
                    "right": one.right + _equal(answers, labels),
                    "network": one.network + _equal(theirs, labels),
                }
                if behind is not None and one.python is not None:
                    update["python"] = one.python + _equal(behind[n].argmax(1), labels)
                counts[at] = one.model_copy(update=update | {"alike": one.alike + _equal(answers, theirs)})
                at += 1
            if feature is not None:
                came = crossed(codec, torch.from_numpy(feature).reshape(-1, *part.outgoing.shape))
    return Int8Answers(
        samples=samples, codec="float32" if shipment.codec is None else shipment.codec[0], exits=counts
    )


def sentences(counted: Int8Answers) -> Iterator[str]:
    """What int8 costs, an exit a sentence."""
    total = counted.samples
    for number, one in enumerate(counted.exits):
        yield (
            f"int8, exit {number} ({one.part}): {one.right / total:.2%} of {total:,} test samples right, the network "
            f"{one.network / total:.2%} ({100 * (one.right - one.network) / total:+.2f} points); the same answer for "
            f"{one.alike / total:.2%}{_python(one, counted)}."
        )


def crossed(codec: Codec | None, features: Tensor) -> Tensor:
    """Features (N, ...) as they come out of a codec; None gives them as they are."""
    if codec is None:
        return features
    return torch.stack([codec.decode(codec.encode(one), tuple(one.shape)) for one in features])


def _python(one: Int8Exit, counted: Int8Answers) -> str:
    if one.python is None:
        return ""
    return f"; with the server's part in Python behind frames of {counted.codec}, {one.python / counted.samples:.2%}"


def _equal(a: Tensor, b: Tensor) -> int:
    return int((a == b).sum())
