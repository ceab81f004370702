"""Choosing: what computes a layer fastest here, by measurement, once for each machine.

What was found is kept in one file a machine, with the machine's description; `seesaw kernels --again` forgets it.
"""

from __future__ import annotations

import functools
import hashlib
import json
import statistics
import time
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
from bench.machine import features

ROUNDS = 7
MAX_FILE = 1 << 24
"""Bytes; a larger file of choices is not ours."""


def read(path: Path) -> tuple[list[str], dict[str, str]]:
    """The machine and the choices of a file; none of either where there is no such file, or no whole one."""
    try:
        told = json.loads(read_plain(path, MAX_FILE))
    except (OSError, ValueError, RecursionError):
        return [], {}
    machine, forms = (told.get("machine"), told.get("forms")) if isinstance(told, dict) else (None, None)
    if not isinstance(machine, list) or not isinstance(forms, dict):
        return [], {}
    return [str(one) for one in machine], {k: v for k, v in forms.items() if isinstance(v, str)}


class Choices:
    """What was measured on this machine with so many threads: a form for each kind of layer."""

    def __init__(self, folder: Path | None, threads: int) -> None:
        self.machine = [*features(), torch.__version__, version(), f"{threads} threads"]
        digest = hashlib.sha256("\n".join(self.machine).encode()).hexdigest()[:12]
        self.path = None if folder is None else folder / f"forms-{digest}.json"
        self.forms = {} if self.path is None else read(self.path)[1]
        self.new: dict[str, str] = {}

    def form(self, layer: Affine, room: Room) -> Form:
        """The form that computes a layer fastest; measured now if it never was."""
        able = {str(form): form for form in forms_of(layer)}
        forms = list(able.values())
        if len(able) == 1:
            return forms[0]
        return able[self.known(kind(layer, room.lanes), able, lambda: str(fastest(layer, room, forms)))]

    def known(self, key: str, able: Collection[str], measure: Callable[[], str]) -> str:
        """Which of these is fastest for a kind of layer; measured now if it never was."""
        if self.forms.get(key) not in able:
            self.forms[key] = self.new[key] = measure()
        return self.forms[key]

    def settled(self, key: str, able: Collection[str], measure: Callable[[], str]) -> str:
        """As `known`, by one process at a time and kept at once: a run that goes on after a kill computes as it did."""
        if self.forms.get(key) in able or self.path is None:
            return self.known(key, able, measure)
        try:
            with alone(self.path.with_suffix(".measuring")):
                self.forms = read(self.path)[1] | self.forms
                found = self.known(key, able, measure)
                self.keep()
                return found
        except SeesawError:  # no folder to keep it in: each process finds its own answer
            return self.known(key, able, measure)

    def keep(self) -> None:
        """Write what is new beside what other processes wrote meanwhile, where that folder can be written."""
        if not self.new or self.path is None:
            return
        try:
            with alone(self.path.with_suffix(".lock")):
                forms = read(self.path)[1] | self.new
                told = {"machine": self.machine, "forms": forms}
                write_whole(self.path, json.dumps(told, indent=1).encode(), "SEESAW_CACHE")
        except SeesawError:  # choices are only a matter of speed
            return
        self.new = {}


@functools.cache
def choices(threads: int) -> Choices:
    """This process's choices for so many threads; nothing keeps them where there is no folder."""
    try:
        folder = cache()
    except SeesawError:
        folder = None
    return Choices(folder, threads)


def kind(layer: Affine, lanes: int) -> str:
    """What the speed of a layer depends on, as one line."""
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


def quickest(jobs: Sequence[Callable[[], object]], rounds: int = ROUNDS) -> int:
    """Which job is fastest: the shortest of several runs of each, in turn, each after one that nobody times.

    So none finds the cache as another one left it: on layers that are read once, that would decide.
    """
    times: list[list[float]] = [[] for _ in jobs]
    for _ in range(rounds):
        for job, taken in zip(jobs, times, strict=True):
            job()
            begun = time.perf_counter()
            job()
            taken.append(time.perf_counter() - begun)
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
