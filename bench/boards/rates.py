"""Rates: for each cut and each kind of codec a curve from bytes to accuracy, and what the input as a picture needs for as much.

A curve holds the codecs of one name whose settings in words are equal (`uint[through=zstd]`): their numbers set the rate. At cut 0
the pictures of one format make one. Bytes are the mean payload of a sample, or the median where a record has no mean.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from bench.boards.bjontegaard import BdRate, RatePoint, bd_rate
from bench.boards.cells import Cell
from bench.boards.numbers import Source, numbers_of
from bench.boards.units import big, in_bytes
from bench.errors import SeesawError, counted
from bench.plugins.spec import Spec, parse
from bench.records.mean import Mean
from bench.records.setup import Named

LOST = 0.01
"""The question that is answered in a line: the bytes at so much accuracy lost."""
PICTURE = "jpeg"
"""The format of the input that curves are compared with."""
HEADS = (
    "cut", "codecs", "points", "bytes", "top-1", "agreement", "against JPEG (BD-rate)", "bytes at one point lost",
)  # fmt: skip
WORDS = ("codecs", "against JPEG (BD-rate)", "bytes at one point lost")
"""The columns that hold no numbers alone."""
NOTE = (
    "*Bytes*: mean payload of a sample, without frames. *Agreement*: the share of samples that are answered as without a cut. "
    "*BD-rate* (Bjøntegaard, VCEG-M33, 2001): the mean difference in bytes at equal top-1, against the input as JPEG, negative for "
    "fewer, over the accuracies that both reach; log bytes are interpolated monotonically (PCHIP) between the points that no other "
    "beats. *At one point lost*: the codec with the fewest bytes that loses at most one point of top-1 on the mean over seeds, as "
    "measured: nothing is interpolated, and the test split itself chose. Intervals (95%, Student's t) are over seeds."
)


class Measured(NamedTuple):
    """One codec at one cut, of one seed.

    Attributes:
        bytes: mean payload of a sample; the median in records that have no mean.
        framed: the same in its frames.
        top1: accuracy behind it.
        lost: accuracy of the network without a cut, less this.
        agree: share of samples that are answered as without a cut; None in older records.
    """

    bytes: float
    framed: float
    top1: float
    lost: float
    agree: float | None

    def quality(self, by: str) -> float | None:
        """The accuracy, or the agreement: `top1` or `agree`."""
        return self.top1 if by == "top1" else self.agree


@dataclass(frozen=True)
class CodecPoint:
    """One codec at one cut, of all seeds that have it.

    Attributes:
        cut: where.
        codec: its spec, or the name of a codec of inputs that every run has.
        seeds: what was measured, by seed.
    """

    cut: int
    codec: str
    seeds: dict[int, Measured]

    def mean(self, number: Callable[[Measured], float | None]) -> Mean | None:
        """The mean of a number over the seeds that have it."""
        return Mean.of(value for one in self.seeds.values() if (value := number(one)) is not None)

    @cached_property
    def bytes(self) -> Mean:
        """Of a sample."""
        return _there(self.mean(lambda one: one.bytes))

    @cached_property
    def framed(self) -> Mean:
        """Of a sample, in its frames."""
        return _there(self.mean(lambda one: one.framed))

    @cached_property
    def top1(self) -> Mean:
        """The accuracy behind it."""
        return _there(self.mean(lambda one: one.top1))

    @cached_property
    def lost(self) -> Mean:
        """The accuracy that it costs."""
        return _there(self.mean(lambda one: one.lost))

    @cached_property
    def agree(self) -> Mean | None:
        """The share of samples that are answered as without a cut."""
        return self.mean(lambda one: one.agree)


def _there(mean: Mean | None) -> Mean:
    assert mean is not None
    return mean


@dataclass(frozen=True)
class CodecCurve:
    """The codecs of one kind at one cut.

    Attributes:
        cut: where; 0 sends the input.
        name: of the codecs, with their settings in words; at cut 0 the picture's format.
        points: from the fewest bytes up.
    """

    cut: int
    name: str
    points: tuple[CodecPoint, ...]

    def of_seed(self, seed: int, by: str = "top1") -> list[RatePoint]:
        """The points of one seed, with the accuracy (`top1`) or the agreement (`agree`) as quality."""
        own = [point.seeds[seed] for point in self.points if seed in point.seeds]
        return [RatePoint(one.bytes, quality) for one in own if (quality := one.quality(by)) is not None]


class Difference(NamedTuple):
    """A BD-rate over seeds: a mean, or a reason why there is none.

    Attributes:
        mean: over seeds; None where one of them has no number.
        low: the lowest quality that is compared with any seed.
        high: the highest.
        reason: why there is no mean; empty where there is one.
    """

    mean: Mean | None
    low: float
    high: float
    reason: str


@dataclass(frozen=True)
class Rates:
    """The rate curves of one network at all its cuts.

    Attributes:
        records: of its seeds, measured alike.
    """

    records: Sequence[Source]

    @cached_property
    def _grouped(self) -> dict[tuple[int, str], dict[str, dict[int, Measured]]]:
        """What was measured: by cut and name of a curve, by codec, by seed."""
        grouped: dict[tuple[int, str], dict[str, dict[int, Measured]]] = defaultdict(dict)
        names: dict[tuple[bool, str], str] = {}
        for record in self.records:
            for cut, codec, one in _measured(record):
                key = cut == 0, codec
                if key not in names:
                    names[key] = _name(record, cut, codec)
                grouped[cut, names[key]].setdefault(codec, {})[record.seed] = one
        return grouped

    @cached_property
    def curves(self) -> list[CodecCurve]:
        """By cut, those of the input first."""
        made = []
        for (cut, name), by_codec in self._grouped.items():
            points = [CodecPoint(cut, codec, seeds) for codec, seeds in by_codec.items()]
            points.sort(key=lambda point: (point.bytes.value, point.codec))
            made.append(CodecCurve(cut, name, tuple(points)))
        return sorted(made, key=lambda curve: (curve.cut, curve.name))

    @property
    def is_empty(self) -> bool:
        """Whether no kind of codecs was measured at several rates at an inner cut."""
        return not any(cut and len(by_codec) > 1 for (cut, _), by_codec in self._grouped.items())

    def picture(self, form: str = PICTURE) -> CodecCurve | None:
        """The curve of the input in one format; None where it was not measured."""
        return next((curve for curve in self.curves if curve.cut == 0 and curve.name == form), None)

    def difference(self, curve: CodecCurve, by: str = "top1", form: str = PICTURE) -> Difference:
        """The BD-rate of a curve against the input as a picture, over the seeds."""
        other = self.picture(form)
        if other is None:
            return Difference(None, 0, 0, f"the input was not measured as {form.upper()}")
        found: list[BdRate] = [
            bd_rate(curve.of_seed(record.seed, by), other.of_seed(record.seed, by)) for record in self.records
        ]
        if missing := [one.reason for one in found if one.value is None]:
            seeds = (
                "" if len(missing) == len(found) else f", of {len(missing)} of {counted(len(found), 'seed')}"
            )
            return Difference(None, 0, 0, missing[0] + seeds)
        mean = _there(Mean.of(one.value for one in found if one.value is not None))
        return Difference(mean, min(one.low for one in found), max(one.high for one in found), "")

    def fewest(self, curves: Sequence[CodecCurve], keeps: Callable[[CodecPoint], bool]) -> CodecPoint | None:
        """The codec with the fewest bytes of those that keep enough; of equal ones the more accurate."""
        able = [point for curve in curves for point in curve.points if self._is_whole(point) and keeps(point)]
        return min(able, key=lambda one: (one.bytes.value, -one.top1.value, one.cut, one.codec), default=None)

    def _is_whole(self, point: CodecPoint) -> bool:
        """Whether all seeds have it."""
        return len(point.seeds) == len(self.records)

    def answers(self) -> list[str]:
        """The questions that a user asks, each answered in a line: the bytes at one point lost, and at equal agreement."""
        lines = [self._answer(f"At {LOST * 100:.0f} point of accuracy lost", loses_little)]
        if any(point.agree for curve in self.curves for point in curve.points):
            lines.append(
                self._answer(f"At {1 - LOST:.0%} agreement with the network that is not cut", agrees)
            )
        return lines

    def _answer(self, when: str, keeps: Callable[[CodecPoint], bool]) -> str:
        inner = self.fewest([curve for curve in self.curves if curve.cut], keeps)
        pictures = [curve for curve in self.curves if curve.cut == 0]
        needs = {
            curve.name: found for curve in pictures if (found := self.fewest([curve], keeps)) is not None
        }
        jpeg = needs.get(PICTURE)
        if inner is None:
            start = f"{when}: no codec at an inner cut keeps so much"
        else:
            macs = Mean.of(
                macs
                for record in self.records
                if (macs := _device_macs(record, inner.cut, inner.codec)) is not None
            )
            work = f", {big(macs.value)} MACs on the device" if macs else ""
            start = f"{when}: {_size(inner.bytes)} by {inner.codec} at cut {inner.cut} ({in_bytes(inner.framed.value)} framed{work})"
        if self.picture() is None:
            return f"{start}; the input was not measured as JPEG."
        if jpeg is None:
            return f"{start}; no JPEG of the input that was measured keeps so much."
        others = "".join(
            f", {_size(one.bytes)} as {NAMES.get(name, name)}"
            for name, one in needs.items()
            if name != PICTURE
        )
        needed = f"{start}; the input needs {_size(jpeg.bytes)} as JPEG ({jpeg.codec}){others}"
        if inner is None:
            return f"{needed}: the input as JPEG wins."
        best = min(needs, key=lambda name: (needs[name].bytes.value, name != PICTURE))
        verdict = self._verdict(inner, jpeg, "JPEG")
        if best != PICTURE and needs[best].bytes.value < inner.bytes.value:
            verdict += "; but " + self._verdict(inner, needs[best], NAMES.get(best, best))
        return f"{needed}: {verdict}."

    def _verdict(self, inner: CodecPoint, picture: CodecPoint, name: str) -> str:
        """Which of the two takes fewer bytes, by how many times, over seeds."""
        seeds = counted(len(self.records), "seed")
        pairs = [(own.bytes, picture.seeds[seed].bytes) for seed, own in inner.seeds.items()]
        if not all(own > 0 and other > 0 for own, other in pairs):
            return f"nothing is sent by one of the two, and no ratio exists ({seeds})"
        more = _there(Mean.of(other / own for own, other in pairs))
        if more.half is not None and more.low <= 1 <= more.high:
            return f"the cut and {name} cannot be told apart ({name} takes {_ratio(more)} times as many, {seeds})"
        if more.value > 1:
            return f"{name} takes {_ratio(more)} times as many ({seeds})"
        fewer = _there(Mean.of(own / other for own, other in pairs))
        return f"the input as {name} wins, and the cut takes {_ratio(fewer)} times as many ({seeds})"

    def rows(self) -> list[list[Cell]]:
        """The cells under `HEADS`, a row for each curve."""
        return [self._row(curve) for curve in self.curves]

    def _row(self, curve: CodecCurve) -> list[Cell]:
        first, last = curve.points[0], curve.points[-1]
        agrees_by = [point.agree.value for point in curve.points if point.agree is not None]
        top1 = [point.top1.value for point in curve.points]
        fewest = self.fewest([curve], loses_little)
        is_reference = curve.cut == 0 and curve.name == PICTURE
        return [
            Cell(str(curve.cut), value=curve.cut),
            Cell(NAMES.get(curve.name, curve.name) if curve.cut == 0 else curve.name),
            Cell(str(len(curve.points)), value=len(curve.points)),
            Cell(_span(first.bytes.value, last.bytes.value, in_bytes), value=first.bytes.value),
            Cell(_span(min(top1), max(top1), "{:.1%}".format), value=max(top1)),
            Cell(_span(min(agrees_by), max(agrees_by), "{:.1%}".format) if agrees_by else ""),
            Cell("the reference" if is_reference else _bd_words(self.difference(curve))),
            Cell("no codec keeps so much" if fewest is None else f"{_size(fewest.bytes)}, {_loss(fewest)}, {fewest.codec}"),
        ]  # fmt: skip


NAMES = {"jpeg": "JPEG", "webp": "WebP", "png": "PNG", "values": "8-bit values", "ids": "token ids"}
"""How the input is sent, in words."""


def loses_little(point: CodecPoint) -> bool:
    """Whether a codec loses at most `LOST` of accuracy, on the mean over seeds."""
    return point.lost.value <= LOST + 1e-9


def agrees(point: CodecPoint) -> bool:
    """Whether at least 1 - `LOST` of the samples are answered as without a cut, on the mean over seeds."""
    return point.agree is not None and point.agree.value >= 1 - LOST - 1e-9


def _bd_words(one: Difference) -> str:
    if one.mean is None:
        return one.reason
    half = "" if one.mean.half is None else f" ± {100 * one.mean.half:.0f}"
    return f"{100 * one.mean.value:+.0f}%{half}, from {one.low:.1%} to {one.high:.1%}"


def _size(mean: Mean) -> str:
    return in_bytes(mean.value) + (f" ± {in_bytes(mean.half)}" if mean.half else "")


def _ratio(mean: Mean) -> str:
    return f"{mean.value:.3g}" + (f" ± {mean.half:.2g}" if mean.half else "")


def _loss(point: CodecPoint) -> str:
    return f"{100 * point.lost.value:.2f} points"


def _span(low: float, high: float, form: Callable[[float], str]) -> str:
    return form(low) if form(low) == form(high) else f"{form(low)} to {form(high)}"


def _measured(record: Source) -> Iterator[tuple[int, str, Measured]]:
    """Every codec at every cut of a record, with its numbers."""
    whole = record.exits[-1].readings.get("top1") if record.exits else None
    for cut in record.cuts:
        values = numbers_of(cut.readings)
        for codec in (name.removeprefix("payload.") for name in values if name.startswith("payload.")):
            payload, framed, top1 = (values.get(f"{name}.{codec}") for name in ("payload", "framed", "top1"))
            if payload is None or framed is None or top1 is None or whole is None:
                continue
            mean = values.get(f"volume.{codec}", payload)
            measured = Measured(
                mean, mean + framed - payload, top1, whole.value - top1, values.get(f"agree.{codec}")
            )
            yield cut.before, codec, measured


def _name(record: Source, cut: int, codec: str) -> str:
    """The name of the curve that a codec belongs to."""
    named = next((one for one in record.setup.codecs if one.spec == codec), None)
    if cut == 0:
        return (
            "values"
            if codec == "image8"
            else codec
            if named is None
            else str(named.settings.get("format", named.label))
        )
    return codec if named is None else _kind(named)


def _kind(named: Named) -> str:
    """A codec's name with its settings in words, as its spec gives them."""
    try:
        spec = parse(named.label)
    except SeesawError:  # a stranger's record; its checks name the fault
        return named.label
    words = {
        key: word for key, word in spec.settings.items() if isinstance(named.settings.get(key), str | bool)
    }
    return str(Spec(spec.name, words))


def _device_macs(record: Source, cut: int, codec: str) -> float | None:
    """The multiply-accumulates of the device's part, with those of a learned codec's encoder."""
    readings = record.cuts[cut].readings
    own, encoder = readings.get("macs.effective.device"), readings.get(f"encoder.macs.{codec}")
    return None if own is None else own.value + (encoder.value if encoder else 0.0)
