"""Checks of what crosses cuts: bytes against shapes and frames, and accuracies and policies behind them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bench.records.checks.parts import same, samples_of, value, whole
from bench.records.compare import SAME
from bench.records.notes import FIXED, LOSSLESS

if TYPE_CHECKING:
    from bench.records.record import Cut, Early, Record

SIZES = {"image8": (1, 0), "float32": (4, 0), "float16": (2, 0), "int8": (1, 8)}
"""By the name of a codec of this house whose payload has a fixed size: bytes of each number, and bytes beside them."""
EXACT = ("image8", "ids", "float32")
"""Codecs of this house that give back what they were given. Others are named by a record's note (`LOSSLESS`)."""
CARRIED = "exits whose logits cross, by cut"
"""The note of logits that cross a cut with the feature: the number of exits by cut."""


def cut_faults(record: Record) -> Iterator[str]:
    """A sentence for each number at a cut that others contradict."""
    if [cut.before for cut in record.cuts] != list(range(len(record.cuts))):
        yield "Its cuts are not numbered from 0 on."
    if len(record.cuts) < 2:
        yield "It lacks the cuts before and after the network."
    if not record.cuts or not record.exits:
        return
    yield from _ends(record)
    yield from _claims(record)
    yield from _frames(record)
    yield from _logits(record)
    for cut in record.cuts:
        yield from _payloads(record, cut)
        for early in cut.early:
            for fault in _early(record, cut, early):
                yield f"{early.policy} at cut {cut.before} {fault}"


def _ends(record: Record) -> Iterator[str]:
    """Codecs of inputs are at cut 0 alone, and the run's others at all cuts but that and the last."""
    inputs = _named_inputs(record)
    features = [codec for codec in record.setup.codecs if codec.spec not in inputs]
    for cut in record.cuts:
        codecs = [
            one.spec for one in features if not (cuts := one.settings.get("cuts")) or cut.before in cuts
        ]
        if 0 < cut.before < len(record.cuts) - 1 and sorted(_codecs(cut)) != sorted(codecs):
            yield f"At cut {cut.before} features cross by {_codecs(cut)}, and its codecs are {codecs}."
    if _codecs(record.cuts[-1]):
        yield "Something crosses the last cut, behind which nothing is left to do."


def _named_inputs(record: Record) -> set[str]:
    """The codecs of the run that send inputs: those that were measured at cut 0, and at no other."""
    elsewhere = {codec for cut in record.cuts[1:] for codec in _codecs(cut)}
    return {codec.spec for codec in record.setup.codecs if len(record.cuts) > 2} & (
        set(_codecs(record.cuts[0])) - elsewhere
    )


def _claims(record: Record) -> Iterator[str]:
    """What notes claim of codecs is of codecs that were measured, at cuts where they were."""
    measured = {str(cut.before): _codecs(cut) for cut in record.cuts}
    named = {codec for codecs in measured.values() for codec in codecs}
    for codec in record.notes.get(LOSSLESS, []):
        if codec not in named:
            yield f"It says that {codec} loses nothing, which was not measured."
    for cut, sizes in record.notes.get(FIXED, {}).items():
        for codec in sizes:
            if codec not in measured.get(cut, []):
                yield f"It gives bytes of {codec} at cut {cut}, which were not measured."


def _is_lossless(record: Record, codec: str) -> bool:
    """Whether the last exit answers behind a codec as it does without a cut."""
    return codec in EXACT or codec in record.notes.get(LOSSLESS, [])


def _fixed_bytes(record: Record, cut: Cut, codec: str) -> list[float]:
    """The bytes of every feature at a cut through a codec, without logits: by its name and by the record's note."""
    each, more = SIZES.get(codec, (None, 0))
    noted = record.notes.get(FIXED, {}).get(str(cut.before), {}).get(codec)
    found = [] if each is None else [float(each * math.prod(cut.shape) + more)]
    return found if noted is None else [*found, float(noted)]


def _codecs(cut: Cut) -> list[str]:
    return [name.removeprefix("payload.") for name in cut.readings if name.startswith("payload.")]


def _overheads(cut: Cut) -> set[float]:
    """What frames add to payloads at a cut: one number, whatever the codec and the sample."""
    pairs = [(cut.readings[f"payload.{codec}"], cut.readings[f"framed.{codec}"]) for codec in _codecs(cut)]
    return {
        framed - payload
        for one, other in pairs
        for payload, framed in ((one.value, other.value), (one.low, other.low), (one.high, other.high))
        if payload is not None and framed is not None
    }


def _frames(record: Record) -> Iterator[str]:
    """A frame holds a head, which is the same at every cut, and four bytes for each size of a tensor's shape."""
    heads = set()
    for cut in record.cuts:
        found = _overheads(cut)
        if len(found) > 1 or min(found, default=1) <= 0:
            yield f"At cut {cut.before} frames add {sorted(found)} bytes to a payload."
        elif found and str(cut.before) not in record.notes.get(CARRIED, {}):
            heads |= {found.pop() - 4 * len(cut.shape)}
    if len(heads) > 1:
        yield f"The frames of its cuts have heads of {sorted(heads)} bytes."


def _beside(record: Record, cut: Cut) -> set[float]:
    """The bytes that cross beside a feature, by every codec whose payload has a fixed size."""
    found = set[float]()
    for codec in _codecs(cut):
        r = cut.readings[f"payload.{codec}"]
        for fixed in _fixed_bytes(record, cut, codec):
            found |= {size - fixed for size in (r.value, r.low, r.high) if size is not None}
    return found


def _logits(record: Record) -> Iterator[str]:
    """Beside a feature cross the logits of the exits that a note names, four bytes for each class, and nothing else."""
    carried, classes = record.notes.get(CARRIED, {}), set()
    for cut in record.cuts:
        found, exits = _beside(record, cut), carried.get(str(cut.before), 0)
        if not exits and found - {0.0}:
            yield f"At cut {cut.before} a tensor of shape {cut.shape} does not take the bytes of its payloads."
        elif exits and len(found) > 1:
            yield f"At cut {cut.before} codecs send different logits."
        elif exits and found:
            classes |= {found.pop() / (4 * exits)}
    if len(classes) > 1 or any(number != round(number) or number < 1 for number in classes):
        yield f"The logits that cross its cuts are of {sorted(classes)} classes."


def _payloads(record: Record, cut: Cut) -> Iterator[str]:
    """Behind a lossless codec the last exit answers as it does without a cut; behind any, it loses or gains no more samples
    than it answers otherwise.
    """
    last, samples = record.exits[-1].readings, samples_of(record.exits)
    for codec in _codecs(cut):
        for name in ("top1", "top5"):
            there, own = cut.readings.get(f"{name}.{codec}"), value(last, name)
            if there is None or own is None:
                continue
            if _is_lossless(record, codec) and there.value != own:
                yield f"{name}.{codec} at cut {cut.before} is not the last exit's, and {codec} loses nothing."
            changed = there.value if there.n == samples else there.value - own
            if there.n and 0 < there.value < 1 and not whole(changed * there.n):
                yield f"{name}.{codec} at cut {cut.before} cannot be of {there.n} samples that crossed."
        yield from _agreement(record, cut, codec)
        yield from _volume(record, cut, codec)


def _agreement(record: Record, cut: Cut, codec: str) -> Iterator[str]:
    """The agreement with the last exit without a cut leaves room for the accuracy behind a codec; older records have none."""
    agree, there = value(cut.readings, f"agree.{codec}"), value(cut.readings, f"top1.{codec}")
    own = value(record.exits[-1].readings, "top1")
    if agree is None or there is None or own is None:
        return
    if _is_lossless(record, codec) and agree != 1:
        yield f"agree.{codec} at cut {cut.before} is not 1, and {codec} loses nothing."
    elif abs(there - own) > 1 - agree + SAME:
        yield f"top1.{codec} at cut {cut.before} is farther from the last exit's than agree.{codec} allows."


def _volume(record: Record, cut: Cut, codec: str) -> Iterator[str]:
    """A mean payload fits the quartiles beside it, and makes a whole number of bytes; older records have none."""
    r, mean = cut.readings[f"payload.{codec}"], value(cut.readings, f"volume.{codec}")
    if mean is None or r.low is None or r.high is None or not r.n:
        return
    if not whole(mean * r.n):
        yield f"volume.{codec} at cut {cut.before} cannot be of {r.n} samples that crossed."
    least = 0.25 * (r.low + r.value + r.high) * (1 - 4 / r.n)
    if mean < least or (r.low == r.high and _fixed_bytes(record, cut, codec) and mean != r.value):
        yield f"volume.{codec} at cut {cut.before} is not the mean of payloads with these quartiles."


def _early(record: Record, cut: Cut, early: Early) -> Iterator[str]:
    """The samples that leave on the device follow from the policy's curve, and the bytes from those that do not."""
    curve = next((one for one in record.curves if one.policy == early.policy), None)
    local, samples = sum(exit_.stage < cut.before for exit_ in record.exits), samples_of(record.exits)
    if curve is None or curve.test is None or early.point >= len(curve.test.left):
        yield "is at a point that no curve has."
        return
    if early.point != curve.shipped:
        yield f"is at point {early.point}, and would be shipped at point {curve.shipped}."
    if early.device != sum(curve.test.left[early.point][:local]):
        yield f"answers {early.device} samples on the device, and its curve says otherwise."
    if sorted(early.behind) != sorted(_codecs(cut)):
        yield f"sends by {', '.join(early.behind)}, and at this cut {', '.join(_codecs(cut))} were measured."
        return
    alone, overheads = local == len(record.exits) - 1, _overheads(cut)
    for codec, behind in early.behind.items():
        yield from _part(record, cut, early, codec, curve.test.right[early.point])
        part = behind.samples is not None
        crossing = early.crossing(codec, samples)
        right = behind.uncut if part and behind.uncut is not None else curve.test.right[early.point]
        frames = [crossing * one for one in overheads]
        if behind.framed - behind.payload not in frames or (not crossing and behind.payload):
            yield f"sends through {codec} what does not fit the samples that cross."
        r = cut.readings[f"payload.{codec}"]
        if _fixed_bytes(record, cut, codec) and behind.payload != crossing * r.value:
            yield f"sends {behind.payload} bytes of {crossing} samples through {codec}, {r.value:g} each."
        changed = 0 if _is_lossless(record, codec) else crossing
        if abs(behind.right - right) > changed or behind.right > (behind.samples or samples):
            yield f"is right about {behind.right} samples behind {codec}, and about {right} without a cut."
        accuracy = value(cut.readings, f"top1.{codec}")
        answered = early.accuracy(codec, samples, curve.test.right[early.point])
        if alone and not early.device and accuracy is not None and not same(answered, accuracy):
            yield f"sends all samples to the last exit, and is not as accurate as that is behind {codec}."


def _part(record: Record, cut: Cut, early: Early, codec: str, right: int) -> Iterator[str]:
    """Where a part of the test split was sent, its counts fit those of the whole split, and the readings beside them."""
    behind, samples = early.behind[codec], samples_of(record.exits)
    counts = (behind.samples, behind.device, behind.uncut)
    sent = cut.readings[f"payload.{codec}"].n
    if counts == (None, None, None) and sent == samples:
        return
    if None in counts or behind.samples != sent or sent == samples:
        yield f"sends {behind.samples} samples through {codec}, and at this cut {sent} crossed."
        return
    n, rest = behind.samples or 0, samples - (behind.samples or 0)
    for of_part, of_all in ((behind.device or 0, early.device), (behind.uncut or 0, right)):
        if not max(0, of_all - rest) <= of_part <= min(n, of_all):
            yield f"says {of_part} of {n} samples through {codec}, and {of_all} of all {samples}."
