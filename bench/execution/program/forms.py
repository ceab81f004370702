"""Forms: the ways in which native kernels can compute a layer; several where runs have a length of 1."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from bench.execution import native
from bench.execution.program.layout import ABSENT, Room
from bench.execution.program.program import Affine, Each, Program, ProgramStep

FORMS = ("runs", "broadcast", "slide", "gather", "lookup")
"""In the order of `Form` in kernels/chain.cpp."""
LANES = 16
"""Floats of a vector."""
ROWS = {"AVX2": (6, 5, 3, 8), "NEON": (6, 4, 5, 3), "128 bits": (3, 2, 4, 6)}
"""How many rows at once are worth trying along a run, by the kernels' registers: sums of more do not fit them."""


@dataclass(frozen=True)
class Form:
    """A form by its name, and the number of rows that it computes at once."""

    name: str
    rows: int

    def __str__(self) -> str:
        return f"{self.name} {self.rows}"


def forms_of(layer: Affine) -> list[Form]:
    """The forms that can compute a layer, the likely best first."""
    runs = [Form("runs", n) for n in ROWS.get(native.vectors(), (8, 4, 16, 12))]
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
