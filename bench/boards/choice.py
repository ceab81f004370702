"""Choice: the cut and the policy to take from one record, and the numbers that they promise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from bench.boards.extract import Extract
from bench.boards.numbers import LOSSLESS, crossings, cut_reading, reading, time_kept
from bench.records.record import Cut, Record


class Link(NamedTuple):
    """A link from the device to the server: a name, and bits per second."""

    name: str
    rate: float


LINKS = (Link("slow link, 1 Mbit/s", 1e6), Link("fast link, 100 Mbit/s", 1e8))
SLOWER = 10
"""How many times slower the device is supposed to be than the machine of the record, which the server equals."""


class CutChoice(NamedTuple):
    """A cut with its codec, and the time of one sample there.

    Attributes:
        cut: first stage of the server's part, from 0; the number of stages where the device computes all.
        codec: of the feature; "" where nothing crosses.
        framed: bytes that cross.
        seconds: of the device, the sending and the server together.
        top1: accuracy behind the cut, as a share.
    """

    cut: int
    codec: str
    framed: float
    seconds: float
    top1: float


def best_cut(record: Record, link: Link) -> CutChoice | None:
    """The fastest cut with a codec that costs at most `LOSSLESS` of accuracy; None where nothing was timed.

    Answers are supposed to take no time on their way back.
    """
    return min(_cuts(record, link), key=lambda one: (one.seconds, -one.top1), default=None)


def _cuts(record: Record, link: Link) -> Iterator[CutChoice]:
    whole, last = reading(-1, "top1")(record), len(record.cuts) - 1
    if whole is None:
        return
    for number, cut in enumerate(record.cuts):
        device = 0.0 if number == 0 else cut_reading(number, "latency.device")(record)
        server = 0.0 if number == last else cut_reading(number, "latency.server")(record)
        if device is None or server is None:
            continue
        codecs = {"": (0.0, 0.0, whole)} if number == last else crossings(cut)
        for codec, (_, framed, top1) in codecs.items():
            if top1 >= whole - LOSSLESS:
                encode, decode = (_coding(cut, side, codec) for side in ("encoder", "decoder"))
                seconds = SLOWER * (device + encode) + 8 * framed / link.rate + decode + server
                yield CutChoice(number, codec, framed, seconds, top1)


def _coding(cut: Cut, side: str, codec: str) -> float:
    """Seconds that a learned codec's encoder or decoder takes for a sample; others' were not timed, and take none."""
    found = cut.readings.get(f"{side}.latency.{codec}")
    return 0.0 if found is None else found.value


class PolicyChoice(NamedTuple):
    """A policy at the point where it is shipped.

    Attributes:
        policy: its spec.
        among: how many policies were compared.
        top1: its accuracy on the test split, as a share.
        macs: its mean MACs over those of the whole network.
        faster: how many times less time a single sample takes than without early exits; None where untimed.
    """

    policy: str
    among: int
    top1: float
    macs: float
    faster: float | None


def best_policy(record: Extract) -> PolicyChoice | None:
    """The shipped policy with the fewest MACs on the calibration split; None for a network of one exit."""
    shipped = [
        (curve, curve.shipped)
        for curve in record.curves
        if curve.shipped is not None and len(record.exits) > 1
    ]
    if not shipped:
        return None
    best = max(point.calibration_accuracy or 0.0 for _, point in shipped)
    able = [one for one in shipped if (one[1].calibration_accuracy or 0.0) >= best - LOSSLESS]
    curve, point = min(able, key=lambda one: (one[1].calibration_macs or one[1].macs, one[0].policy))
    whole = curve.whole or point.macs
    faster = time_kept(record, curve.policy, 1)
    return PolicyChoice(curve.policy, len(shipped), point.accuracy, point.macs / whole, faster)
