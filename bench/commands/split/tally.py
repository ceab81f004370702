"""Tally of `seesaw device`: what became of its samples, line by line and in a table."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table

from bench.errors import counted

if TYPE_CHECKING:
    from bench.commands.split.inputs import Input
    from bench.shipping.serving.device import Answer

HEADER = (
    "sample",
    "label",
    "answer",
    "place",
    "exit",
    "cut",
    "seconds",
    "device",
    "server",
    "bytes",
    "input",
)


@dataclass
class Tally:
    """What became of the samples so far."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    bytes: dict[str, int] = field(default_factory=dict)
    right: dict[str, list[bool]] = field(default_factory=dict)

    def add(self, answer: Answer, label: int | None) -> None:
        """Count an answer under where it was given."""
        name = "server" if answer.exit is None else f"{answer.place} {answer.exit}"
        self.seconds.setdefault(name, []).append(answer.seconds)
        self.bytes[name] = self.bytes.get(name, 0) + answer.bytes
        if label is not None:
            self.right.setdefault(name, []).append(answer.label == label)

    @property
    def count(self) -> int:
        """Answers so far."""
        return sum(map(len, self.seconds.values()))


class Lines:
    """A CSV file whose lines are on their way to the disk as soon as they are written."""

    def __init__(self, path: Path) -> None:
        self._file = open(path, "w", newline="", encoding="utf-8")  # noqa: SIM115
        self._writer = csv.writer(self._file)
        self._write(HEADER)

    def add(self, number: int, one: Input, answer: Answer) -> None:
        """Write the line of a sample."""
        label = "" if one.label is None else one.label
        exit_ = "" if answer.exit is None else answer.exit
        times = [f"{value:.6f}" for value in (answer.seconds, answer.device, answer.server)]
        self._write([
            number, label, answer.label, answer.place, exit_, answer.cut, *times, answer.bytes, one.source
        ])  # fmt: skip

    def _write(self, cells: Sequence[object]) -> None:
        self._writer.writerow(cells)
        self._file.flush()

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()


def table_of(tally: Tally, taken: float) -> Table:
    """What became of the samples, by where they were answered, in so many seconds."""
    from numpy import percentile

    from bench.boards.units import in_bytes, seconds

    table = Table(
        "answered at", "samples", "of all", "rightly", "median", "95%", "99%", "sent each", box=SIMPLE_HEAD, title_style="bold",
        title=f"{counted(tally.count, 'sample')} in {taken:.1f} s", title_justify="left",
    )  # fmt: skip
    everything = [one for times in tally.seconds.values() for one in times]
    rows = {
        name: (tally.seconds[name], tally.right.get(name, []), tally.bytes[name])
        for name in sorted(tally.seconds)
    }
    if len(rows) > 1:
        rows["all"] = (
            everything,
            [one for right in tally.right.values() for one in right],
            sum(tally.bytes.values()),
        )
    for name, (times, right, sent) in rows.items():
        rightly = f"{sum(right) / len(right):.2%}" if right else "-"
        quantiles = [seconds(float(percentile(times, q))) for q in (50, 95, 99)]
        table.add_row(
            name,
            f"{len(times):,}",
            f"{len(times) / len(everything):.1%}",
            rightly,
            *quantiles,
            in_bytes(sent / len(times)),
        )
    return table
