"""Allocation: buffers that are not needed at the same time share their places."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from bench.execution.program.layout import ABSENT, Buffer, Room, filled_up
from bench.execution.program.program import Affine, Each, Input, Output, Planes, Program, ProgramStep, Zero


def settle(program: Program, front: int = 0) -> Program:
    """The same program with its buffers moved by first fit, in little room, behind so many floats that are no buffer's."""
    room = program.room
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for n, step in enumerate(program.steps):
        for places in places_of(step):
            for buffer in np.unique(room.of(places[places != ABSENT])):
                first.setdefault(int(buffer), n)
                last[int(buffer)] = n
    settled: dict[int, Buffer] = {}
    for number in sorted(first, key=lambda b: (first[b], -room.buffers[b].size)):
        living = sorted(
            ((b.base, b.base + b.size) for other, b in settled.items() if last[other] >= first[number]),
        )
        base = front
        for start, stop in living:
            if base + room.buffers[number].size <= start:
                break
            base = max(base, filled_up(stop))
        settled[number] = replace(room.buffers[number], base=base)
    bases = np.array([b.base for b in room.buffers])
    moved = np.array([settled[n].base if n in settled else 0 for n in range(len(bases))]) - bases

    def to(places: np.ndarray) -> np.ndarray:
        return np.where(places == ABSENT, ABSENT, places + moved[room.of(places)])

    steps = [_moved(step, to, room, settled) for step in program.steps]
    return Program(steps, Room(room.lanes, list(settled.values())), program.counts, program.shapes)


def places_of(step: ProgramStep) -> Iterator[np.ndarray]:
    """All places that a step reads or writes; one of each buffer is enough."""
    if isinstance(step, Affine):
        yield np.array([step.out])
        if step.twice is not None:
            yield np.array([step.twice])
        else:
            yield step.columns
        if step.more is not None:
            yield np.array([step.more[0]])
    elif isinstance(step, Each):
        yield step.to
        yield step.sources.reshape(-1)
    elif isinstance(step, Planes):
        yield np.array([step.out])
        yield step.sources.reshape(-1)
    elif isinstance(step, Zero):
        yield np.array([step.buffer.base])
    else:
        yield step.to if isinstance(step, Input) else step.sources


def _moved(step: ProgramStep, to, room: Room, settled: dict[int, Buffer]) -> ProgramStep:
    def one(place: int) -> int:
        return int(to(np.array([place]))[0])

    if isinstance(step, Affine):
        return replace(
            step,
            columns=step.columns if step.twice is not None else to(step.columns),
            out=one(step.out),
            twice=None if step.twice is None else one(step.twice),
            more=None if step.more is None else (one(step.more[0]), *step.more[1:]),
        )
    if isinstance(step, Each):
        return replace(step, to=to(step.to), sources=to(step.sources))
    if isinstance(step, Planes):
        return replace(step, sources=to(step.sources), out=one(step.out))
    if isinstance(step, Zero):
        return replace(step, buffer=settled[int(room.of(np.array([step.buffer.base]))[0])])
    if isinstance(step, Input):
        return Input(to(step.to))
    assert isinstance(step, Output)
    return Output(step.number, to(step.sources))
