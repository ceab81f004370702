"""The answer of one run, on one screen: its exits, the cut and the policy to take, and what to type next."""

from __future__ import annotations

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.table import Table

from bench.boards.choice import LINKS, SLOWER, CutChoice, best_cut, best_policy
from bench.boards.extract import Extract
from bench.boards.numbers import LOSSLESS, smallest
from bench.boards.units import big, in_bytes, joules, seconds
from bench.records.energy_model import SPIKES
from bench.records.notes import COSTLY, FASTEST, OUT_OF_ORDER, dense_words, over_dense, stage_words
from bench.records.reading import Reading, Readings
from bench.records.record import CALIBRATED, NEW_HEADS, Exit, Record
from bench.records.setup import DENSE

ROWS = 8
"""Exits that the table shows, at most; of more, those spread evenly, the first and the last among them."""
NOTES = (
    *("disconnected layers", "exits that answer alike whatever the input", "counters differ", COSTLY),
    *(NEW_HEADS, CALIBRATED),
)
"""The notes of a record that are shown."""
SPIKE_HEADS = ("spikes; additions", "energy, modelled")
"""Columns of networks that spike."""
PHASES = 6
"""Phases whose seconds are named, the longest first."""


def answer(record: Record, parent: Record | None) -> Iterator[tuple[Table | str, str | None]]:
    """Tables and sentences, each with its style; at most thirty lines of a hundred columns."""
    yield _exits_table(record, parent), None
    yield from ((sentence, "dim") for sentence in _legend(record, parent))
    for sentence in (*_cuts(record), *_policy(record)):
        yield sentence, None
    phases = sorted(record.seconds.items(), key=lambda phase: -phase[1])
    longest = ", ".join(f"{name} {taken:.1f}" for name, taken in phases[:PHASES])
    rest = sum(taken for _, taken in phases[PHASES:])
    yield f"Seconds: {longest}{f', the rest {rest:.1f}' if rest else ''}.", "dim"
    for sentence in warnings(record):
        yield sentence, "yellow"


def warnings(record: Record) -> Iterator[str]:
    """Sentences on what a reader would otherwise miss: faults of the network, times that are in no ranking."""
    for name in NOTES:
        if name in record.notes:
            yield f"Note, {name}: {_words(record.notes[name])}"
    slower = record.notes.get(OUT_OF_ORDER, {})
    for number, deeper in slower.items():
        yield (
            f"~ To exit {number} it took longer than to exit {deeper}, which is deeper, also when measured again. Its time is in no "
            "ranking; a sample that leaves there takes no longer than to the deeper one."
        )
    doubted = {f"exit {number}" for number in slower}
    timings = [
        one
        for place, own in record.places()
        for one in own.values()
        if one.disturbed is not None and place not in doubted
    ]
    if unreliable := sum(not one.is_reliable for one in timings):
        yield (
            f"~ Other programs had the processor in {unreliable} of {len(timings)} timings; these are in no ranking. "
            "Measure again in a quieter hour: the same command with --measure."
        )


def _words(value: object) -> str:
    """A note's value for people to read: what it counts, without what stands inside that."""
    if isinstance(value, dict):
        inner = [(key, one) for key, one in value.items() if not isinstance(one, (dict, list))]
        return ", ".join(
            f"{key} {big(one) if isinstance(one, (int, float)) and one >= 1 else one}" for key, one in inner
        )
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _exits_table(record: Record, parent: Record | None) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    spikes = any("spikes" in one.readings for one in record.exits)
    for head in ("exit", "top-1", "effective MACs", *(SPIKE_HEADS if spikes else ()), "packed", "latency"):
        table.add_column(head, justify="right", no_wrap=True)
    count = len(record.exits)
    shown = sorted({round(place * (count - 1) / (ROWS - 1)) for place in range(ROWS)} | {0, count - 1})
    for number in shown if count > ROWS else range(count):
        dense = parent.exits[number].readings if parent and number < len(parent.exits) else {}
        where = stage_words(record.notes, record.exits[number].stage)
        top1, macs, *rest = _cells(record.exits[number], dense)
        own = _spike_cells(record.exits[number].readings) if spikes else ()
        table.add_row(f"{number} ({where})", top1, macs, *own, *rest)
    return table


def _cells(exit_: Exit, dense: Readings) -> list[str]:
    own, packed, unmasked = exit_.readings, smallest(exit_.readings), smallest(dense)
    top1, macs, latency = own.get("top1"), own.get("macs.effective"), own.get("latency")
    whole = dense.get("macs.effective", own.get("macs"))
    whole_bytes = unmasked[1] if unmasked else own["bytes.dense"].value if "bytes.dense" in own else None
    points = f" ({(top1.value - dense['top1'].value) * 100:+.1f})" if top1 and "top1" in dense else ""
    return [
        f"{top1.value:.2%}{points}" if top1 else "-",
        f"{big(macs.value)}{_times(whole.value if whole else None, macs.value)}" if macs else "-",
        f"{in_bytes(packed[1])}{_times(whole_bytes, packed[1])}" if packed else "-",
        f"{timing(latency)}{_speedup(over_dense(own))}" if latency else "-",
    ]


def _spike_cells(own: Readings) -> tuple[str, str]:
    """Spikes with the additions that they cause, and their energy by the model."""
    spikes, additions, energy = (own.get(name) for name in ("spikes", "synops", f"energy.{SPIKES}"))
    return (
        f"{big(spikes.value)}; {big(additions.value)}" if spikes and additions else "-",
        joules(energy.value) if energy else "-",
    )


def _times(dense: float | None, own: float) -> str:
    return f" ({dense / own:.1f} x)" if dense and own else ""


def _speedup(ratio: Reading | None) -> str:
    if ratio is None:
        return ""
    spread = f", {ratio.low:.2f}-{ratio.high:.2f}" if ratio.low is not None and ratio.high is not None else ""
    return f" ({'' if ratio.is_reliable else '~'}{ratio.value:.2f} x{spread})"


def timing(reading: Reading) -> str:
    """A time; behind ~ where other programs had the processor."""
    return f"{'' if reading.is_reliable else '~'}{seconds(reading.value)}"


def _legend(record: Record, parent: Record | None) -> Iterator[str]:
    if any("spikes" in one.readings for one in record.exits):
        yield (
            f"Spikes of a sample, and the additions that they cause; their energy by the model {SPIKES}, analog MACs included. Effective "
            "MACs are those of computing every step densely, as this machine does."
        )
    if FASTEST in record.exits[-1].readings:
        yield f"Times in brackets: over {dense_words(record.exits[-1].readings)}."
    if record.setup.method.name == DENSE and record.setup.values is None:
        return
    if parent is not None:
        yield "In brackets: how many times less than the dense parent (of accuracy, points more)."
    else:
        yield (
            "In brackets: how many times less than without the mask. Run "
            f"{record.setup.backbone.label}_dense to compare accuracy."
        )


def _cuts(record: Record) -> Iterator[str]:
    choices = [(link, best_cut(record, link)) for link in LINKS]
    for link, best in choices:
        if best is not None:
            yield f"Best cut, {link.name}: {_cut(record, best)}"
    if any(best is not None for _, best in choices):
        yield (
            f"  for a device {SLOWER} x slower than this machine and a server like it, at most "
            f"{LOSSLESS * 100:g} point of accuracy lost"
        )


def _cut(record: Record, best: CutChoice) -> str:
    numbers = f"{seconds(best.seconds)} a sample, top-1 {best.top1:.2%}"
    if best.cut == len(record.cuts) - 1:
        return f"none, the device computes all; {numbers}"
    where = "send the input" if best.cut == 0 else f"before stage {best.cut}"
    return f"{where} as {best.codec}, {in_bytes(best.framed)} framed; {numbers}"


def _policy(record: Record) -> Iterator[str]:
    best, last = best_policy(Extract.of(record)), record.exits[-1].readings.get("top1")
    if best is None:
        return
    faster = f", {best.faster:.2f} x as fast" if best.faster else ""
    always = f" of {last.value:.2%}" if last else ""
    yield (
        f"Best of {best.among} policies: {best.policy}, top-1 {best.top1:.2%}{always} at {best.macs:.0%} of the MACs{faster}"
    )
