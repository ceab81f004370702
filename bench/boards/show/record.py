"""A run's record in the terminal: its exits, its cuts, its policies, notes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from rich.box import SIMPLE_HEAD
from rich.table import Table

from bench.boards.numbers import smallest
from bench.boards.rates import HEADS as RATE_HEADS
from bench.boards.rates import WORDS as RATE_WORDS
from bench.boards.rates import Rates
from bench.boards.show.answer import answer, timing
from bench.boards.show.code import code_table
from bench.boards.show.policies import answers_table, curves_table, early_table, walks_table
from bench.boards.show.slow_exits import slow_exits, slow_walks
from bench.boards.units import SMALL, big, digits, in_bytes, joules, prefixed, seconds
from bench.records.notes import STAGES, dense_words, over_dense, stage_words
from bench.records.reading import Reading
from bench.records.record import Exit, Record
from bench.records.store import Store

Part = tuple[Table | str, str | None]
"""A table or a sentence, and its style."""

MOST_BESIDE = 4
"""The most codecs that have columns beside each other."""


def exits_table(record: Record, parent: Record | None) -> Table:
    """A row for each exit; below it its ratios to the dense parent's, where that was run or timed in turn."""
    setup = record.setup
    table = _table(
        f"{setup.task.label}-v{setup.task_version}  {setup.model_at_density}  {setup.exits.label}: exits",
        record,
    )
    energy = sorted(
        {key for exit_ in record.exits for key in exit_.readings if key.split(".")[0] == "energy"}
    )
    spikes = any("spikes" in one.readings for one in record.exits)
    heads = [
        "MACs\neffective",
        *(["spikes\nadditions\nanalog MACs"] if spikes else []),
        "para-\nmeters",
        "packed\nformat",
        "top-1\ntop-5",
        "latency\nquartiles",
    ]
    for head in ["exit\nstage", *heads, *map(_energy_head, energy)]:
        table.add_column(head, justify="right", no_wrap=True)
    for number, exit_ in enumerate(record.exits):
        dense = parent.exits[number] if parent is not None and number < len(parent.exits) else None
        beside = dense is not None or over_dense(exit_.readings) is not None
        table.add_row(
            *_exit_cells(
                number, exit_, stage_words(record.notes, exit_.stage).removeprefix("stage "), energy, spikes
            ),
            end_section=not beside,
        )
        if beside:
            table.add_row(*_ratio_cells(exit_, dense, energy, spikes), style="dim", end_section=True)
    return table


def _table(title: str, record: Record) -> Table:
    sources = {
        r.source
        for part in (*record.exits, *record.cuts)
        for name, r in part.readings.items()
        if "latency" in name
    }
    captions = [f"latency: {source}" for source in sorted(sources)]
    if beside := dense_words(record.exits[-1].readings):
        captions.append(f"dense / this: over {beside}")
    caption = "; ".join(captions)
    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        caption=caption,
        caption_justify="left",
        box=SIMPLE_HEAD,
    )


def _energy_head(key: str) -> str:
    return "energy\nmeasured" if key == "energy" else f"energy by\n{key.removeprefix('energy.')}"


def _exit_cells(number: int, exit_: Exit, where: str, energy: list[str], spikes: bool) -> list[str]:
    r, packed = exit_.readings, smallest(exit_.readings)
    return [
        f"{number}\n{where}",
        f"{_cell(r.get('macs'), big)}\n{_cell(r.get('macs.effective'), big)}",
        *(
            ["\n".join(_cell(r.get(name), big) for name in ("spikes", "synops", "macs.analog"))]
            if spikes
            else []
        ),
        _cell(r.get("parameters"), big),
        f"{in_bytes(packed[1])}\n{packed[0]}" if packed else "-",
        f"{_cell(r.get('top1'), '{:.2%}'.format)}\n{_cell(r.get('top5'), '{:.2%}'.format)}",
        _spread(r.get("latency")),
        *(_cell(r.get(key), joules) for key in energy),
    ]


def _ratio_cells(exit_: Exit, parent: Exit | None, energy: list[str], spikes: bool) -> list[str]:
    """How many times less than the dense parent, or points of accuracy more."""
    own, other = exit_.readings, parent.readings if parent is not None else {}
    packed, dense = smallest(own), smallest(other)

    def times(name: str) -> str:
        if name not in own or name not in other or not own[name].value:
            return "-"
        return f"{other[name].value / own[name].value:.2f} x"

    def points(name: str) -> str:
        return f"{(own[name].value - other[name].value) * 100:+.2f}" if name in own and name in other else "-"

    return [
        "dense\n/ this",
        f"{times('macs')}\n{times('macs.effective')}",
        *(["\n".join(times(name) for name in ("spikes", "synops", "macs.analog"))] if spikes else []),
        times("parameters"),
        f"{dense[1] / packed[1]:.2f} x" if packed and dense else "-",
        f"{points('top1')}\n{points('top5')}",
        _speedup(beside) if (beside := over_dense(own)) is not None else times("latency"),
        *(times(key) for key in energy),
    ]


def _speedup(ratio: Reading) -> str:
    mark = "" if ratio.is_reliable else "~"
    spread = f"\n{ratio.low:.2f}-{ratio.high:.2f}" if ratio.low is not None and ratio.high is not None else ""
    return f"{mark}{ratio.value:.2f} x{spread}"


def _behind(record: Record, cut: int) -> str:
    """The name of the stage that a cut lies behind, on a line of its own, where the network names it."""
    names = record.notes.get(STAGES, [])
    return f"\nbehind {names[cut - 1]}" if cut <= len(names) else ""


def cuts_table(record: Record) -> Table:
    """A row for each cut: the device's part, and by codec the bytes that cross and the accuracy behind it."""
    table = _table(
        "cuts: what the device computes and keeps, what crosses (framed), accuracy behind it", record
    )
    heads = ["cut", "crosses", "device\nMACs", "device\npacked", "device\nquartiles", "server\nquartiles"]
    inner = [] if _are_many(record) else _inner_codecs(record)
    for head in [*heads, *(f"{codec}\nbytes\nframed\ntop-1" for codec in inner)]:
        table.add_column(head, justify="right", no_wrap=True)
    for number, cut in enumerate(record.cuts):
        r, packed = cut.readings, smallest(cut.readings, ".device")
        last = number == len(record.cuts) - 1
        table.add_row(
            str(number) if number == 0 or last else f"{number}{_behind(record, number)}",
            "answer" if last else "x".join(map(str, cut.shape)),
            _cell(r.get("macs.effective.device"), big),
            f"{in_bytes(packed[1])}\n{packed[0]}" if packed else "-",
            _spread(r.get("latency.device")),
            _spread(r.get("latency.server")),
            *(
                [_crossing(r, codec) for codec in _codecs(r) if number == 0 and inner]
                or [_crossing(r, codec) for codec in inner]
            ),
        )
        if number == 0 and _codecs(r) and inner:
            names = " and ".join(_codecs(r))
            note = f"cut 0 sends the input: {names}, in this order"
            table.caption = f"{note}; {table.caption}" if table.caption else note
    return table


def _inner_codecs(record: Record) -> list[str]:
    return list(dict.fromkeys(codec for cut in record.cuts[1:] for codec in _codecs(cut.readings)))


def _are_many(record: Record) -> bool:
    """Whether there are more codecs than have room beside each other, or ones that need a table of their own."""
    inner, first = _inner_codecs(record), _codecs(record.cuts[0].readings) if record.cuts else []
    learned = any(name.startswith("encoder.") for cut in record.cuts for name in cut.readings)
    return len(inner) > MOST_BESIDE or len(first) > max(len(inner), 2) or learned


def codecs_table(record: Record) -> Table | None:
    """A row for each codec at each cut; None where `cuts_table` has them."""
    if not _are_many(record):
        return None
    table = _table("codecs: bytes that cross, accuracy behind them, and what coding costs itself", record)
    learned = any(name.startswith("encoder.") for cut in record.cuts for name in cut.readings)
    coding = ["encoder\nMACs", "encoder\nbytes", "encoder\ntime", "decoder\ntime"] if learned else []
    for number, head in enumerate(["cut", "codec", "bytes", "framed", "top-1", *coding]):
        table.add_column(head, justify="left" if number == 1 else "right", overflow="fold")
    for cut in record.cuts:
        codecs = _codecs(cut.readings)
        for place, codec in enumerate(codecs):
            raw, framed, top1 = _crossing(cut.readings, codec).split("\n")
            names = ("encoder.macs", "encoder.bytes", "encoder.latency", "decoder.latency") if learned else ()
            found = [cut.readings.get(f"{name}.{codec}") for name in names]
            forms = (big, in_bytes, seconds, seconds)
            cells = [_cell(reading, form) for reading, form in zip(found, forms, strict=False)]
            head = "" if place else str(cut.before)
            table.add_row(head, codec, raw, framed, top1, *cells, end_section=place == len(codecs) - 1)
    return table


def rate_parts(record: Record) -> Iterator[Part]:
    """The rate curves at its cuts, and what a picture of the input needs for as much; nothing where codecs make none."""
    rates = Rates([record])
    if rates.is_empty:
        return
    table = _table("bytes and accuracy: the codecs of one kind at each cut", record)
    for head in RATE_HEADS:
        table.add_column(head, justify="left" if head in RATE_WORDS else "right", overflow="fold")
    rows = rates.rows()
    for place, cells in enumerate(rows):
        last = place == len(rows) - 1 or rows[place + 1][0].text != cells[0].text
        table.add_row(*(cell.text for cell in cells), end_section=last)
    table.caption = None
    yield table, None
    yield from ((words, None) for words in rates.answers())


def _codecs(readings: dict[str, Reading]) -> list[str]:
    return [name.removeprefix("payload.") for name in readings if name.startswith("payload.")]


def _crossing(readings: dict[str, Reading], codec: str) -> str:
    if f"payload.{codec}" not in readings:
        return "-"
    raw, framed, top1 = (readings[f"{name}.{codec}"].value for name in ("payload", "framed", "top1"))
    return f"{raw:.0f}\n{framed:.0f}\n{top1:.2%}"


def _cell(reading: Reading | None, form) -> str:
    return "-" if reading is None else form(reading.value)


def _spread(reading: Reading | None) -> str:
    if reading is None:
        return "-"
    if reading.low is None or reading.high is None:
        return timing(reading)
    size, prefix = prefixed(reading.value, SMALL)
    mark = "" if reading.is_reliable else "~"
    return f"{mark}{digits(reading.value / size)} {prefix}s\n{digits(reading.low / size)}-{digits(reading.high / size)}"


def _about(record: Record) -> Iterator[tuple[str, str]]:
    """Names and texts: the run's settings, and the machine, versions and commit that it was made on."""
    setup = record.setup
    yield "task", f"{setup.task.label}, version {setup.task_version}"
    yield "model", setup.model_at_density
    yield "seed", str(record.seed)
    yield "recipe", _joined(dict(sorted(setup.recipe.items())))
    if setup.layout is not None:
        yield "trained on", ", ".join(setup.layout.plan())
    if setup.calibrate is not None:
        yield "calibrated", f"on {setup.calibrate:.4g} of the test split, which is left out of it"
    yield "machine", _joined(record.machine)
    yield "versions", _joined(record.versions)
    yield "commit", f"{record.commit or 'unknown'}{' and changes' if record.dirty else ''}"
    yield "created", f"{record.created}, in {sum(record.seconds.values()):.0f} s"


def _joined(values: Mapping[str, object]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items())


def shown(record: Record, store: Store) -> Iterator[Part]:
    """The first screen: what was run, and what it came to."""
    setup = record.setup
    yield (
        f"{setup.task.label}-v{setup.task_version}  {setup.model_at_density}  {setup.exits.label}  seed {record.seed}",
        "bold",
    )
    yield from answer(record, store.parent(setup, record.seed))


def _settings(record: Record, store: Store) -> Iterator[Part]:
    table = Table(box=None, show_header=False, padding=(0, 2))
    for name, value in _about(record):
        table.add_row(name, value)
    yield table, None


def _exits(record: Record, store: Store) -> Iterator[Part]:
    yield exits_table(record, store.parent(record.setup, record.seed)), None
    yield from ((line, None) for line in slow_exits(record))
    yield from _tables(answers_table(record), code_table(record))
    for name, why in record.absent.items():
        yield f"No {name}: {why}.", "dim"


def _tables(*tables: Table | None) -> Iterator[Part]:
    yield from ((table, None) for table in tables if table is not None)


def _cuts(record: Record) -> Iterator[Part]:
    yield from _tables(cuts_table(record), codecs_table(record))
    yield from rate_parts(record)
    yield from _tables(early_table(record))


def _walks(record: Record) -> Iterator[Part]:
    yield from _tables(walks_table(record))
    yield from ((line, None) for line in slow_walks(record))


PARTS: dict[str, Callable[[Record, Store], Iterator[Part]]] = {
    "settings": _settings,
    "exits": _exits,
    "cuts": lambda record, store: _cuts(record),
    "policies": lambda record, store: _tables(curves_table(record)),
    "walks": lambda record, store: _walks(record),
}
