"""Zeros around images, written only where a later step reads them and no step writes them anyway."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from bench.execution.program.layout import ABSENT, Room
from bench.execution.program.program import Affine, Each, ProgramStep, Zero


def needed_zeros(steps: Sequence[ProgramStep], room: Room) -> list[ProgramStep]:
    """The steps, without zeros that nobody reads: most images of a network are read by layers that stay within them.

    A layer that is one run over its image writes the zeros between its rows itself, as the run has no numbers there.

    Args:
        steps: of a program, before buffers share places.
        room: of its buffers.
    """
    written = {int(room.of(np.array([step.out]))[0]): step for step in steps if isinstance(step, Affine)}
    of_step = {
        n: int(room.of(np.array([s.buffer.base]))[0]) for n, s in enumerate(steps) if isinstance(s, Zero)
    }
    read = _read(steps, room, set(of_step.values()))
    left: list[ProgramStep] = []
    for n, step in enumerate(steps):
        if not isinstance(step, Zero):
            left.append(step)
            continue
        around = _places(step.segments, len(read[of_step[n]]))
        if not (around & read[of_step[n]]).any():
            continue
        writer = written.get(of_step[n])
        if writer is not None and writer.keep is not None and writer.outer == writer.inner == 1:
            first = writer.out - step.buffer.base
            around[first : first + writer.length] = False
        left.append(replace(step, segments=_segments(around)))
    return left


def _read(steps: Iterable[ProgramStep], room: Room, images: set[int]) -> dict[int, np.ndarray]:
    """By the number of an image's buffer, the places within a channel that any step reads, boolean."""
    found: dict[int, np.ndarray] = {}
    for number in images:
        image = room.buffers[number].image
        assert image is not None
        found[number] = np.zeros(image.channel, bool)
    for step in steps:
        if isinstance(step, Affine):
            sources, positions = step.columns, _positions(step, room.lanes)
        elif isinstance(step, Each):
            sources, positions = step.sources.reshape(-1), np.zeros(1, int)
        else:
            continue
        sources = sources[sources != ABSENT]
        buffers = room.of(sources)
        for number in images.intersection(buffers.tolist()):
            within = found[number]
            first = np.unique((sources[buffers == number] - room.buffers[number].base) % len(within))
            within[np.add.outer(first, positions).reshape(-1) % len(within)] = True
    return found


def _positions(step: Affine, lanes: int) -> np.ndarray:
    """How far from a column's place its numbers for every result lie, of the first sample of a block."""
    along = np.arange(step.length) if step.keep is None else np.flatnonzero(step.keep)
    lines = np.add.outer(np.arange(step.outer) * step.in_outer, np.arange(step.inner) * step.in_inner)
    return np.add.outer(lines, along[::lanes]).reshape(-1)


def _places(segments: np.ndarray, size: int) -> np.ndarray:
    """The places of segments within a channel, boolean."""
    there = np.zeros(size, bool)
    for place, length in segments:
        there[place : place + length] = True
    return there


def _segments(there: np.ndarray) -> np.ndarray:
    """Places and lengths (S, 2) of what follows one another."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], there, [False]]).astype(np.int8)))
    return np.stack([edges[::2], edges[1::2] - edges[::2]], 1)
