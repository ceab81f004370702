"""Forms: the ways in which native kernels can compute a layer; several where runs have a length of 1."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from bench.execution import native
from bench.execution.program.layout import ABSENT, Room
from bench.execution.program.program import Affine, Each, Program, ProgramStep
from bench.execution.row_groups import Group

FORMS = ("runs", "broadcast", "slide", "gather", "lookup", "depthwise")
"""In the order of `Form` in kernels/chain.cpp."""
LANES = 16
"""Floats of a vector."""
ROWS = {"AVX2": (6, 5, 3, 8), "NEON": (6, 4, 5, 3), "128 bits": (3, 2, 4, 6)}
"""How many rows at once are worth trying along a run, by the kernels' registers: sums of more do not fit them."""
NARROW = 1 << 16
"""How many places 16 bits tell apart."""
NEAR = 1 << 15
"""Bytes that fit the cache nearest to a core, on every processor that we know."""


@dataclass(frozen=True)
class Form:
    """A form by its name, and the number of rows that it computes at once.

    Attributes:
        name: one of `FORMS`.
        rows: at once.
        blocks: of runs, into how many blocks the columns are divided: all rows read one of them before the next.
        strip: of runs, how many floats of a run all rows compute before the next ones; 0 for the whole run.
    """

    name: str
    rows: int
    blocks: int = 1
    strip: int = 0

    def __str__(self) -> str:
        blocks = f" in {self.blocks} blocks" if self.blocks > 1 else ""
        return f"{self.name} {self.rows}{blocks}" + (f" in strips of {self.strip}" if self.strip else "")


def forms_of(layer: Affine) -> list[Form]:
    """The forms that can compute a layer, the likely best first."""
    if layer.edges is not None:
        return [Form("depthwise", LANES // layer.edges.wide)]
    runs = _runs(layer)
    if layer.length > 1 or layer.outer > 1 or layer.inner > 1 or layer.out_row != 1:
        return runs
    if layer.more is not None and layer.more[1] != 1:
        return runs
    forms = []
    if layer.ring is not None:
        forms += [Form("slide", n) for n in (64, 32, 16)]
    shared = len(layer.bias) / max(len(layer.groups), 1)
    if shared >= 2:
        forms += [Form("broadcast", n) for n in (64, 32, 16)]
    columns = layer.columns[layer.columns != ABSENT]
    if len(columns) and shared < LANES:
        forms.append(Form("lookup", LANES))
        if columns.max() - columns.min() < 1 << 16:
            forms += [Form("gather", n) for n in (16, 32)]
    return forms + runs[:1]


def _runs(layer: Affine) -> list[Form]:
    """Along runs: by so many rows at once; rows that share no places, also so that their inputs stay in the nearest cache."""
    sizes = {len(group.rows) for group in layer.groups}
    by_chunks = {
        tuple(-(-size // rows) for size in sizes): Form("runs", rows)
        for rows in reversed(ROWS.get(native.vectors(), (8, 4, 16, 12)))
    }  # of numbers of rows that make the same chunks, the first alone
    runs = list(by_chunks.values())[::-1]
    if len(layer.bias) >= 2 * len(layer.groups) or layer.outer > 1 or layer.inner > 1:
        return runs
    columns = np.unique(layer.columns[layer.columns != ABSENT])
    size = _read(columns, layer.length) * 4
    if size <= NEAR or len(columns) * NEAR < size:
        return runs
    blocks = sorted({math.ceil(size / near) for near in (NEAR, 4 * NEAR)} - {1})
    near = (n for n in range(12 * LANES, 6 * LANES, -LANES) if _read(columns, n) * 4 <= NEAR)
    strip = next(near, 6 * LANES)  # shorter ones read the weights too often
    if strip < layer.length:
        runs.append(replace(runs[0], strip=strip))
    return [*(replace(runs[0], blocks=n) for n in blocks), *runs]


def _read(columns: np.ndarray, length: int) -> int:
    """Floats that are read by runs of a length that begin at these places, ascending."""
    return int(np.minimum(np.diff(columns), length).sum()) + length if len(columns) else 0


FormChoice = Callable[[Affine, Room], Form]
"""Chooses the form of a layer in a room."""


def doubled(program: Program, forms: dict[int, Form]) -> tuple[Program, dict[int, Form]]:
    """The program with inputs twice in a row for every layer that slides along them; forms by new number."""
    steps: list[ProgramStep] = []
    renumbered: dict[int, Form] = {}
    room = replace(program.room, buffers=list(program.room.buffers))
    for n, step in enumerate(program.steps):
        if n in forms and forms[n].name == "slide":
            assert isinstance(step, Affine)
            assert step.ring is not None
            rings = step.columns.reshape(-1, step.ring[1])
            buffer, places = room.vector(2 * rings.size)
            steps.append(Each(places, np.concatenate([rings, rings], 1).reshape(-1, 1)))
            step = replace(step, twice=buffer.base)
        if n in forms:
            renumbered[len(steps)] = forms[n]
        steps.append(step)
    return replace(program, steps=steps, room=room), renumbered


def divided(program: Program, forms: dict[int, Form]) -> tuple[Program, dict[int, Form]]:
    """The program with a step for every block of columns of a layer, each adding to the sums so far; forms by new number."""
    steps: list[ProgramStep] = []
    renumbered: dict[int, Form] = {}
    for n, step in enumerate(program.steps):
        parts = [step]
        if n in forms and forms[n].blocks > 1:
            assert isinstance(step, Affine)
            parts = _blocks(step, forms[n].blocks)
        for part in parts:
            if n in forms:
                renumbered[len(steps)] = forms[n]
            steps.append(part)
    return replace(program, steps=steps), renumbered


def _blocks(layer: Affine, count: int) -> list[Affine]:
    """A layer as several, by blocks of columns that lie beside each other; only the last has its bounds."""
    block = np.zeros(len(layer.columns), int)
    for number, some in enumerate(np.array_split(np.argsort(layer.columns, kind="stable"), count)):
        block[some] = number
    steps = []
    for number in range(count):
        within = [block[group.columns] == number for group in layer.groups]
        step = replace(
            layer,
            columns=np.where(block == number, layer.columns, ABSENT),
            groups=[
                Group(g.rows, g.columns[here], g.values[here])
                for g, here in zip(layer.groups, within, strict=True)
            ],
        )
        if number:
            step.bias = np.zeros_like(layer.bias)
            step.more = (layer.out, layer.out_row, layer.out_outer, layer.out_inner)
        if number < count - 1:
            step.low, step.high = -math.inf, math.inf
        steps.append(step)
    return steps
