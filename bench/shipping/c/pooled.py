"""Pooled: layers that give the largest sum of each window at once, so that what they give never lies in the arena whole."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from bench.execution.int8.arena import reads, writes
from bench.execution.program.allocate import places_of
from bench.execution.program.layout import ABSENT
from bench.execution.program.program import Affine, Each, Program, ProgramStep, Zero
from bench.shipping.c.loops import loops_of


def pooled(program: Program) -> Program:
    """The same program, with every layer that only a pooling step reads taken into that step, where windows do not overlap.

    Sums become results by functions that never fall, so the largest of the results is the result of the largest sum.

    Args:
        program: before its buffers share places.
    """
    users: dict[int, list[int]] = {}
    for n, step in enumerate(program.steps):
        for places in places_of(step):
            for buffer in np.unique(program.room.of(places[places != ABSENT])):
                users.setdefault(int(buffer), []).append(n)
    steps: list[ProgramStep | None] = list(program.steps)
    for n, pool in enumerate(program.steps):
        if not isinstance(pool, Each) or not pool.largest or (pool.sources == ABSENT).any():
            continue
        buffers = np.unique(program.room.of(pool.sources))
        before = [m for m in users[int(buffers[0])] if m != n]
        layers = [(m, one) for m in before if isinstance(one := program.steps[m], Affine)]
        cleared = [m for m in before if isinstance(program.steps[m], Zero)]
        if len(buffers) != 1 or len(layers) != 1 or len(layers) + len(cleared) != len(before):
            continue
        at, layer = layers[0]
        if program.room.of(np.array([layer.out]))[0] == buffers[0] and (found := _taken(layer, pool)):
            steps[n] = found
            for m in (at, *cleared):
                steps[m] = None
    return replace(program, steps=[step for step in steps if step is not None])


def _taken(layer: Affine, pool: Each) -> Affine | None:
    """A layer that gives what a pooling step makes of it; None where that is no grid of windows apart from one another."""
    if layer.more is not None or layer.twice is not None or (pool.low, pool.high) != (-math.inf, math.inf):
        return None
    rows, offsets = len(layer.bias), reads(layer)
    given = np.add.outer(layer.out + np.arange(rows) * layer.out_row, writes(layer))
    numbers = np.full(int(max(given.max(), pool.sources.max())) + 1, -1)
    numbers[given] = np.arange(given.size).reshape(given.shape)
    taken = numbers[pool.sources]  # (E, K)
    if (taken < 0).any() or len(np.unique(taken)) != taken.size or len(taken) % rows:
        return None
    of_row, position = np.divmod(taken.reshape(rows, -1, taken.shape[1]), len(offsets))
    places = offsets[position]  # (rows, results, K)
    window, to = places[0, 0], pool.to.reshape(rows, -1)
    apart = np.diff(to[:, 0])
    is_even = (
        (of_row == np.arange(rows)[:, None, None]).all()
        and (places == places[:1, :, :1] + window - window[0]).all()
        and window[0] == 0
        and (np.diff(window) > 0).all()
        and (to - to[:, :1] == to[:1] - to[0, 0]).all()
        and (apart == apart[:1]).all()
    )
    loops = loops_of(np.stack([places[0, :, 0], to[0]], 1)) if is_even else None
    if loops is None or any(loop.turns > 1 for loop in loops[:-2]):
        return None
    (outer, (in_outer, out_outer)), (inner, (in_inner, out_inner)) = loops[-2:]
    return replace(
        layer, out=int(to[0, 0]), out_row=int(apart[0]) if rows > 1 else 1, outer=outer, inner=inner, length=1,
        in_outer=in_outer, in_inner=in_inner, out_outer=out_outer, out_inner=out_inner, keep=None, window=window,
    )  # fmt: skip
