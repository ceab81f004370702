"""Quantising: a program of float32 steps in whole numbers, with scales from what calibration samples gave.

Weights have one scale for each output (Jacob et al., CVPR 2018, here symmetric about zero), and every tensor one, by which
its largest number on the calibration samples is level 127. Levels are symmetric, so that zeros around images are zeros.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.execution.int8.arena import added, clear, products, reads, rows_of, sources, writes
from bench.execution.int8.levels import FINE, TOP, Scaling, level, scaling
from bench.execution.program.program import Affine, Each, ProgramStep, Zero
from bench.execution.row_groups import Group
from bench.execution.unsupported import Unsupported, refused

WIDEST = 1 << 30
"""Neither the products of a row nor its bias sum up to this."""


@dataclass(frozen=True)
class IntAffine:
    """A layer of whole numbers.

    Attributes:
        step: its places.
        groups: its rows with their levels, int8 (K, R).
        bias: of every row, int32.
        scaling: of the sums; None for an exit's logits.
        more: the factor of what it adds; 0 where it adds nothing.
        scales: of an exit's logits, by which a sum is float32, (R,); None for other layers.
    """

    step: Affine
    groups: list[Group]
    bias: np.ndarray
    scaling: Scaling | None
    more: int
    scales: np.ndarray | None


@dataclass(frozen=True)
class IntEach:
    """Sums or largest of levels; `scaling` has a factor for every source, and is None for the largest of one scale."""

    step: Each
    scaling: Scaling | None
    low: int
    high: int


IntStep = IntAffine | IntEach | Zero


@dataclass(frozen=True)
class IntProgram:
    """A part of whole numbers.

    Attributes:
        inputs: places of the input's numbers.
        stretches: the steps up to each exit, and those up to the feature.
        feature: places of the feature's numbers; None where there is none.
        size: levels of the arena.
        inverse: what an input is multiplied by, to be in steps.
        scale: of the feature.
    """

    inputs: np.ndarray
    stretches: list[list[IntStep]]
    feature: np.ndarray | None
    size: int
    inverse: np.float32
    scale: np.float32

    def run(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """What the generated C gives, bit for bit.

        Args:
            x: float32 (N, ...).

        Returns:
            Logits (exits, N, classes), float32; the feature's numbers (N, F), float32, or None.
        """
        arena = np.zeros((len(x), self.size), np.int8)
        arena[:, self.inputs] = level(x.reshape(len(x), -1), self.inverse)
        logits = [
            answer
            for stretch in self.stretches
            for step in stretch
            if (answer := _take(arena, step)) is not None
        ]
        feature = None if self.feature is None else arena[:, self.feature].astype(np.float32) * self.scale
        return np.stack(logits) if logits else np.zeros((0, len(x), 0), np.float32), feature


def _take(arena: np.ndarray, step: IntStep) -> np.ndarray | None:
    """Carry out a step; the logits where it gives an exit's."""
    if isinstance(step, Zero):
        clear(arena, step)
        return None
    if isinstance(step, IntEach):
        numbers, there = sources(arena, step.step)
        if step.scaling is None:
            found = np.where(there, numbers, np.int8(-128)).max(2)
            found = np.where(there.any(1), found, 0)
            arena[:, step.step.to] = np.clip(found, step.low, step.high)
        else:
            sums = (np.where(there, numbers, 0).astype(np.int64) << FINE) * step.scaling.factors
            arena[:, step.step.to] = step.scaling.levels(sums.sum(2))
        return None
    layer = step.step
    answer = None if step.scales is None else np.zeros((len(arena), len(step.bias)), np.float32)
    results = []
    for group in step.groups:
        sums = products(arena, layer, group, _exact(group.values)).astype(np.int64)
        sums += step.bias[group.rows][:, None]
        if answer is not None and step.scales is not None:
            answer[:, group.rows] = sums[:, :, 0].astype(np.float32) * step.scales[group.rows]
            continue
        assert step.scaling is not None
        sums *= step.scaling.factors[group.rows].astype(np.int64)[:, None]
        if layer.more is not None:
            sums += (added(arena, layer, group.rows).astype(np.int64) << FINE) * step.more
        results.append((group.rows, step.scaling.levels(sums)))
    for rows, levels in results:
        arena[:, np.add.outer(rows_of(layer, rows), writes(layer))] = levels
    return answer


def _exact(values: np.ndarray) -> np.ndarray:
    """Levels (K, R) in the narrowest type of floats in which sums of their products with levels are whole numbers."""
    most = float(np.abs(values.astype(np.int64)).sum(0).max(initial=0)) * (TOP + 1)
    return values.astype(np.float32 if most < 1 << 24 else np.float64)


def quantised(
    stretches: Sequence[Sequence[ProgramStep]],
    inputs: np.ndarray,
    logits: Sequence[int],
    feature: np.ndarray | None,
    size: int,
    x: np.ndarray,
) -> IntProgram:
    """A program in whole numbers.

    Args:
        stretches: its steps up to each exit, and behind the last exit those up to the feature.
        inputs: places of the input's numbers.
        logits: the first place of each exit's logits.
        feature: places of the feature's numbers, or None.
        size: floats of the arena.
        x: calibration samples, float32 (N, ...).

    Raises:
        Unsupported: a step reads numbers of several scales, could overflow, or gives an exit's logits otherwise than as a
            linear layer.
    """
    scale = np.full(size, np.nan)
    arena = np.zeros((len(x), size), np.float32)
    arena[:, inputs] = x.reshape(len(x), -1)
    scale[inputs] = own = _scale(arena[:, inputs])
    found: list[list[IntStep]] = []
    for number, stretch in enumerate(stretches):
        answers = [
            n for n, step in enumerate(stretch) if number < len(logits) and _gives(step, logits[number])
        ][-1:]
        steps: list[IntStep] = []
        for n, step in enumerate(stretch):
            if isinstance(step, Zero):
                scale[clear(arena, step)] = np.nan
                steps.append(step)
                continue
            assert isinstance(step, Affine | Each)
            try:
                if isinstance(step, Each):
                    steps.append(_each(arena, scale, step))
                else:
                    steps.append(_affine(arena, scale, step, is_answer=[n] == answers))
            except Unsupported as error:
                error.layer = error.layer or step.layer
                raise
        if number < len(logits) and len(answers) != 1:
            last = [step.layer for step in stretch if isinstance(step, Affine | Each)][-1:]
            raise refused(f"gives the logits of exit {number} and is no linear layer", "".join(last))
        found.append(steps)
    sent = 1.0 if feature is None else _only(scale[feature])
    return IntProgram(inputs, found, feature, size, np.float32(1 / own), np.float32(sent))


def _gives(step: ProgramStep, place: int) -> bool:
    """Whether a step writes the logits that begin at a place."""
    if isinstance(step, Affine):
        return step.out == place and step.outer * step.inner * step.length == 1 and step.out_row == 1
    return False


def _affine(arena: np.ndarray, scale: np.ndarray, step: Affine, *, is_answer: bool) -> IntAffine:
    """A layer in whole numbers; its floats and scales are written."""
    numbers = [
        products(arena, step, group, group.values) + step.bias[group.rows].astype(np.float32)[:, None]
        for group in step.groups
    ]
    if step.more is not None:
        numbers = [one + added(arena, step, g.rows) for one, g in zip(numbers, step.groups, strict=True)]
    numbers = [np.clip(one, step.low, step.high) for one in numbers]
    positions = reads(step, kept=True)
    read = [
        np.add.outer(step.columns[g.columns], positions).reshape(-1) for g in step.groups if len(g.columns)
    ]
    came = _only(scale[np.concatenate(read)] if read else np.ones(1))
    widest = np.zeros(len(step.bias))
    for group in step.groups:
        widest[group.rows] = np.abs(group.values).max(0, initial=0.0)
    weights = np.maximum(widest / TOP, np.abs(step.bias) / (came * (WIDEST - 1)))
    weights = np.where(weights > 0, weights, 1.0)
    groups = [
        Group(g.rows, g.columns, np.clip(np.rint(g.values / weights[g.rows]), -TOP, TOP).astype(np.int8))
        for g in step.groups
    ]
    if any((np.abs(g.values.astype(np.int64)).sum(0) * TOP >= WIDEST).any() for g in groups):
        raise refused("adds up so many products that 32 bits may not hold them")
    bias = np.rint(step.bias / (came * weights)).astype(np.int32)
    if is_answer:
        if step.more is not None or np.isfinite(step.low) or np.isfinite(step.high):
            raise refused("gives an exit's logits and adds to them, or bounds them")
        return IntAffine(step, groups, bias, None, 0, (came * weights).astype(np.float32))
    keep = np.ones(step.length, bool) if step.keep is None else step.keep
    kept = np.tile(keep, step.outer * step.inner)
    gave = max(
        _scale(np.concatenate([one[:, :, kept].reshape(-1) for one in numbers])),
        2.1 * came * float(weights.max()),
    )
    more, theirs = 0, 0.0
    if step.more is not None:
        rows = np.arange(len(step.bias))
        places = added(np.arange(len(scale))[None], step, rows)[0][:, kept]
        theirs = _only(scale[places.reshape(-1)])
        gave = max(gave, theirs / 32)
    found = scaling(came * weights / gave, step.low / gave, step.high / gave)
    if step.more is not None:
        more = int(np.rint(theirs / gave * 2.0 ** (found.shift - FINE)))
        while more >= 1 << 31:  # the sum's factors give up a bit for it
            found = Scaling(
                np.rint(found.factors / 2).astype(np.int32), found.shift - 1, found.low, found.high
            )
            more = int(np.rint(theirs / gave * 2.0 ** (found.shift - FINE)))
    for group, one in zip(step.groups, numbers, strict=True):
        arena[:, np.add.outer(rows_of(step, group.rows), writes(step))] = one
        scale[np.add.outer(rows_of(step, group.rows), writes(step, kept=True))] = gave
    return IntAffine(step, groups, bias, found, more, None)


def _each(arena: np.ndarray, scale: np.ndarray, step: Each) -> IntEach:
    """Sums or largest of levels; their floats and scales are written."""
    numbers, there = sources(arena, step)
    if step.largest or step.sources.shape[1] == 1:
        numbers = np.where(there.any(1), np.where(there, numbers, -np.inf).max(2), 0)
        own = _only(scale[step.sources[there]])
        bounds = [
            int(np.clip(np.rint(one), -TOP, TOP))
            for one in np.clip([step.low / own, step.high / own], -TOP, TOP)
        ]
        found = IntEach(step, None, bounds[0], bounds[1])
    else:
        numbers = np.where(there, numbers, 0).sum(2)
        each = np.array([_only(scale[step.sources[there[:, k], k]]) for k in range(step.sources.shape[1])])
        own = max(_scale(np.clip(numbers, step.low, step.high)), float(each.max()) / 32)
        found = IntEach(step, scaling(each / own, step.low / own, step.high / own, FINE), 0, 0)
    arena[:, step.to] = np.clip(numbers, step.low, step.high)
    scale[step.to] = own
    return found


def _scale(numbers: np.ndarray) -> float:
    """A step of numbers, by which the largest is the top level."""
    top = float(np.abs(numbers).max(initial=0.0))
    if not math.isfinite(top):
        raise refused("gives what is no number on the calibration samples")
    return top / TOP if top > 0 else 1 / TOP


def _only(scales: np.ndarray) -> float:
    """The one scale of all these places; zeros around images have any."""
    different = np.unique(scales[~np.isnan(scales)])
    if len(different) > 1:
        raise refused("reads numbers of several scales at once")
    return float(different[0]) if len(different) else 1 / TOP
