"""Choices: the fastest form or product of each kind of layer, measured once for each machine.

One file for each machine and number of threads keeps them; `seesaw kernels --again` removes it.
"""

from __future__ import annotations

import functools
import hashlib
import json
import statistics
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import numpy as np
import torch

from bench.errors import SeesawError
from bench.execution.native import version
from bench.execution.program.encode import Encoder
from bench.execution.program.forms import Form, forms_of
from bench.execution.program.layout import ABSENT, Room
from bench.execution.program.program import Affine, Each, Program, ProgramStep
from bench.files import cache, read_plain, write_whole
from bench.lock import alone
from bench.machine import WALL, Clock, features

ROUNDS = 7
MAX_FILE = 1 << 24
"""Bytes; a larger file is no file of choices."""


def read(path: Path) -> tuple[list[str], dict[str, str]]:
    """The machine and the choices of a file; none of either where there is no such file, or no whole one."""
    try:
        content = json.loads(read_plain(path, MAX_FILE))
    except (OSError, ValueError, RecursionError):
        return [], {}
    content = content if isinstance(content, dict) else {}
    machine, forms = content.get("machine"), content.get("forms")
    if not isinstance(machine, list) or not isinstance(forms, dict):
        return [], {}
    return [str(one) for one in machine], {k: v for k, v in forms.items() if isinstance(v, str)}


class Choices:
    """The fastest form or product of each kind of layer, as measured on this machine with so many threads."""

    def __init__(self, folder: Path | None, threads: int) -> None:
        self.machine = [*features(), torch.__version__, version(), f"{threads} threads"]
        digest = hashlib.sha256("\n".join(self.machine).encode()).hexdigest()[:12]
        self.path = None if folder is None else folder / f"forms-{digest}.json"
        self.forms = {} if self.path is None else read(self.path)[1]
        self.new: dict[str, str] = {}

    def form(self, layer: Affine, room: Room) -> Form:
        """The form that computes a layer fastest; measured now if it never was."""
        forms = forms_of(layer)
        if len(forms) == 1:
            return forms[0]
        by_name = {str(form): form for form in forms}
        chosen = self.choice(kind(layer, room.lanes), by_name, lambda: str(fastest(layer, room, forms)))
        return by_name[chosen]

    def choice(self, key: str, names: Collection[str], measure: Callable[[], str]) -> str:
        """The fastest of these names for a kind of layer; measured now if it never was.

        Args:
            key: the kind of layer.
            names: of the forms or products that can compute it.
            measure: gives the name of the fastest.
        """
        if self.forms.get(key) not in names:
            self.forms[key] = self.new[key] = measure()
        return self.forms[key]

    def shared_choice(self, key: str, names: Collection[str], measure: Callable[[], str]) -> str:
        """As `choice`, but measured by one process at a time and kept at once.

        So all processes compute alike, and so does a run that goes on after a kill.
        """
        if self.forms.get(key) in names or self.path is None:
            return self.choice(key, names, measure)
        try:
            with alone(self.path.with_suffix(".measuring")):
                self.forms = read(self.path)[1] | self.forms
                name = self.choice(key, names, measure)
                self.keep()
                return name
        except SeesawError:  # no folder to keep it in: each process measures for itself
            return self.choice(key, names, measure)

    def keep(self) -> None:
        """Write new choices beside those of other processes meanwhile, where the folder can be written."""
        if not self.new or self.path is None:
            return
        try:
            with alone(self.path.with_suffix(".lock")):
                forms = read(self.path)[1] | self.new
                content = {"machine": self.machine, "forms": forms}
                write_whole(self.path, json.dumps(content, indent=1).encode(), "SEESAW_CACHE")
        except SeesawError:  # choices are only a matter of speed
            return
        self.new = {}


@functools.cache
def choices(threads: int) -> Choices:
    """This process's choices for so many threads; no file keeps them where there is no folder."""
    try:
        folder = cache()
    except SeesawError:
        folder = None
    return Choices(folder, threads)


def kind(layer: Affine, lanes: int) -> str:
    """The properties of a layer on which its speed depends, as one line."""
    sizes = sorted({len(g.rows) for g in layer.groups})
    fan_in = [len(g.columns) for g in layer.groups]
    return " ".join(
        str(n)
        for n in (
            len(layer.bias), len(layer.columns), len(layer.groups), sizes[-1], max(fan_in), round(statistics.mean(fan_in), 1),
            layer.outer, layer.inner, layer.length, layer.in_inner, lanes, int(layer.more is not None),
            0 if layer.ring is None else layer.ring[1],
        )
    )  # fmt: skip


def fastest(layer: Affine, room: Room, forms: list[Form]) -> Form:
    """The fastest of these forms."""
    return forms[quickest([_alone(layer, room, form) for form in forms])]


def quickest(
    jobs: Sequence[Callable[[], object]],
    rounds: int = ROUNDS,
    clock: Clock = WALL,
) -> int:
    """The number of the fastest job, by the shortest of several runs of each, in turn, after an untimed run.

    So no job is timed on a cache that another one filled: for layers that are read once, that would decide.
    """
    times: list[list[float]] = [[] for _ in jobs]
    for _ in range(rounds):
        for job, taken in zip(jobs, times, strict=True):
            job()
            begun = clock()
            job()
            taken.append(clock() - begun)
    return min(range(len(jobs)), key=lambda n: min(times[n]))


def _alone(layer: Affine, room: Room, form: Form) -> Callable[[], object]:
    """One layer as a chain of its own, on inputs of zero."""
    read = layer.columns[layer.columns != ABSENT]
    if layer.more is not None:
        read = np.append(read, layer.more[0])
    zeros: list[ProgramStep] = []
    for number in np.unique(room.of(read)):
        buffer = room.buffers[number]
        to = np.arange(buffer.base, buffer.base + buffer.size, room.lanes)
        zeros.append(Each(to, np.full((len(to), 1), ABSENT)))
    code = Encoder(Program([*zeros, layer], room, [], []), lambda *_: form).code()
    blank = torch.zeros(1, 1)
    return lambda: code.run(blank)
