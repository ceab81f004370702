"""Axes: the numbers by which boards compare networks, defined once for every form of a board."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bench.boards.cells import FORMS, cost, of_seeds, percent, times
from bench.boards.extract import Extract
from bench.boards.numbers import (
    Number,
    density,
    modelled_names,
    overhead,
    packed,
    payload,
    reading,
    training_macs,
)
from bench.boards.rows import Row
from bench.boards.units import short
from bench.records.mean import Mean
from bench.records.notes import FASTEST

DISTURBED = "disturbed"
"""What stands in place of a time that was taken while other programs had the processor."""


@dataclass(frozen=True)
class Axis:
    """One number of a network, or of each of its exits.

    Attributes:
        title: its name, at the axis of a plot.
        head: its name, at the head of a table's column.
        unit: share, MAC, B, s, J, instruction or x.
        of: the number at one exit (-1 is the last); for a whole network the same at all.
        whole: whether it is of the whole network.
        timed: whether it depends on the machine, so that only numbers of one machine count.
        versus: whether its ratio to the dense parent's is shown.
        spread: whether its interval is shown.
        in_turn: the reading of that ratio at one exit, where both were timed in turn.
        reading: the name of the reading that gives it, for times that a busy machine may have disturbed.
        up: whether more of it is better; None where neither is.
    """

    title: str
    head: str
    unit: str
    of: Callable[[int], Number]
    whole: bool = False
    timed: bool = False
    versus: bool = True
    spread: bool = False
    in_turn: Callable[[int], Number] | None = None
    reading: str | None = None
    up: bool | None = False

    def value(self, row: Row, exit_: int = -1) -> Value:
        """Its mean over a row's seeds, at one exit, and the ratio to the dense parent's."""
        number = self.of(exit_)
        in_turn = self.in_turn(exit_) if self.in_turn else None
        ratio = row.ratio(number, timed=self.timed, in_turn=in_turn) if self.versus else None
        mean = row.mean(number, timed=self.timed)
        disturbed = mean is None and self.reading is not None and row.is_disturbed(exit_, self.reading)
        return Value(mean, ratio, self.unit, len(row.records), self.spread, disturbed)


@dataclass(frozen=True)
class Value:
    """The value of an axis for a row.

    Attributes:
        mean: over the seeds that have the number.
        ratio: how many times less than the dense parent.
        unit: of the mean.
        seeds: the number of the row's records, whether they have it or not.
        spread: whether its interval is shown.
        disturbed: whether there are only times that were taken while other programs had the processor.
    """

    mean: Mean | None
    ratio: float | None
    unit: str
    seeds: int
    spread: bool = False
    disturbed: bool = False

    @property
    def words(self) -> str:
        """In one line: a share with its interval, a cost with its ratio; of how many seeds, where not all."""
        if self.disturbed:
            return DISTURBED
        if self.mean is None or self.unit != "share":
            return cost(self.mean, FORMS[self.unit], self.ratio, self.seeds)
        return percent(self.mean) + of_seeds(self.mean, self.seeds)

    @property
    def lines(self) -> tuple[str, str]:
        """In two lines, the second for the interval or the ratio, as of `short` numbers; `-` where there is none."""
        if self.mean is None:
            return (DISTURBED if self.disturbed else "-"), ""
        half, ratio = self.mean.half if self.spread else None, self.ratio and short(self.ratio)
        more = times(ratio) if half is None else f"± {short(half) * 100:.2f}"
        return FORMS[self.unit](short(self.mean.value)), more


def _of_exit(name: str) -> Callable[[int], Number]:
    return lambda exit_: reading(exit_, name)


def _of_network(number: Number) -> Callable[[int], Number]:
    return lambda exit_: number


AXES = {
    "top1": Axis("top-1 accuracy", "top-1", "share", _of_exit("top1"), versus=False, spread=True, up=True),
    "top5": Axis("top-5 accuracy", "top-5", "share", _of_exit("top5"), versus=False, spread=True, up=True),
    "macs.effective": Axis("effective MACs", "effective MACs", "MAC", _of_exit("macs.effective")),
    "macs": Axis("dense MACs", "MACs", "MAC", _of_exit("macs")),
    "bytes": Axis("packed bytes", "packed", "B", packed),
    "latency": Axis(
        "measured latency", "latency", "s", _of_exit("latency"), timed=True, in_turn=_of_exit("speedup"), reading="latency",
    ),
    "speedup": Axis(
        "times faster than the dense parent, timed in turn", "speedup", "x", _of_exit("speedup"), timed=True, versus=False,
        reading="speedup", up=True,
    ),
    "memory": Axis("peak memory", "memory", "B", _of_exit("memory")),
    "energy": Axis("measured energy", "energy, measured", "J", _of_exit("energy"), timed=True),
    "payload": Axis("payload", "payload", "B", _of_network(payload), whole=True),
    "density": Axis("weights that exist", "weights", "share", _of_network(density), whole=True, versus=False, up=None),
    "density.effective": Axis(
        "weights on a path to the exit", "on a path", "share", _of_exit("density.effective"), versus=False
    ),
    "training": Axis("training MACs", "training MACs", "MAC", _of_network(training_macs), whole=True),
    "overhead": Axis(
        "training time, times the dense one's", "training time", "x", _of_network(overhead), whole=True, versus=False
    ),
}  # fmt: skip
"""By key, in the order of tables; modelled energies join them, one axis for each model, and `BESIDE_ENGINES`."""
BESIDE_ENGINES = Axis(
    "times faster than the fastest dense way, engines included, timed in turn", "speedup, any engine", "x", _of_exit(FASTEST),
    timed=True, versus=False, reading=FASTEST, up=True,
)  # fmt: skip
"""An axis of its own where any record has it: `speedup` is over PyTorch's kernels and native chains, and other ratios."""


BOARD_COSTS = {"flash": "B", "ram": "B", "instructions": "instruction"}
"""Units of what generated code takes of a microcontroller, by the first part of the readings' names; the rest is the board's."""


def board_costs(records: Iterable[Extract]) -> list[str]:
    """The names of readings of generated code that any exit has, board by board."""
    found = {name for record in records for exit_ in record.exits for name in exit_.readings}
    places = {kind: number for number, kind in enumerate(BOARD_COSTS)}
    parts = sorted(
        (board, places[kind], kind) for kind, _, board in (n.partition(".") for n in found) if kind in places
    )
    return [f"{kind}.{board}" for board, _, kind in parts]


def _of_board(name: str) -> Axis:
    kind, _, board = name.partition(".")
    word = "RAM" if kind == "ram" else kind
    return Axis(f"{word} of the C on {board}", f"{word}, {board}", BOARD_COSTS[kind], _of_exit(name))


SPIKING = {
    "spikes": Axis("spikes of a sample", "spikes", "", _of_exit("spikes"), versus=False),
    "synops": Axis(
        "synaptic operations: additions that spikes cause",
        "synaptic operations",
        "",
        _of_exit("synops"),
        versus=False,
    ),
    "macs.analog": Axis(
        "MACs of layers that take other numbers than spikes",
        "analog MACs",
        "MAC",
        _of_exit("macs.analog"),
        versus=False,
    ),
}
"""Axes of networks that spike, where any record has their readings; their modelled energy is one of the energies by a model."""


def axes(rows: Iterable[Row]) -> dict[str, Axis]:
    """All axes, by key: `AXES`, one for each model of energy, and those of engines, spikes and C, where these rows have them."""
    records = [record for row in rows for record in row.records]
    models = sorted({name for record in records for name in modelled_names(record)})
    engines = any(FASTEST in exit_.readings for record in records for exit_ in record.exits)
    spiking = any("spikes" in exit_.readings for record in records for exit_ in record.exits)
    return (
        AXES
        | ({FASTEST: BESIDE_ENGINES} if engines else {})
        | (SPIKING if spiking else {})
        | {
            name: Axis(
                f"energy by the model {(own := name.removeprefix('energy.'))}", own, "J", _of_exit(name)
            )
            for name in models
        }
        | {name: _of_board(name) for name in board_costs(records)}
    )
