"""Patterns with a fixed fan-in and a fixed fan-out (Dey et al., JETCAS 2019; Capogrosso et al., FDL 2024).

A junction joins N_in to N_out neurons. Every output has `fan_in` inputs, every input `fan_out` outputs, so
the junction holds N_in * fan_out = N_out * fan_in weights, and its density is a multiple of 1/gcd(N_in,
N_out).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from bench.errors import Infeasible, SeesawError

CLOSE = 1e-5
"""Densities whose ratio is so near to 1 are one density: messages and people write six digits."""


def same(one: float, other: float) -> bool:
    """Whether two densities are one."""
    return math.isclose(one, other, rel_tol=CLOSE)


def admissible(inputs: int, outputs: int) -> int:
    """The number of densities a junction admits: they are k/gcd(N_in, N_out), k = 1..gcd."""
    return math.gcd(inputs, outputs)


def fan_out_of(inputs: int, outputs: int, density: float, *, nearest: bool = False) -> int:
    """The fan-out that gives a density.

    Args:
        inputs: N_in.
        outputs: N_out.
        density: share of weights that exist, in (0, 1].
        nearest: take the nearest admissible density instead of refusing.

    Raises:
        Infeasible: the density is not admissible; the nearest ones are named.
    """
    steps = admissible(inputs, outputs)
    where = f"between {inputs} inputs and {outputs} outputs"
    return outputs * units(density, steps, where, nearest=nearest) // steps


def units(density: float, steps: int, where: str, *, nearest: bool = False) -> int:
    """How many of so many equal parts make a density, at least one.

    Args:
        density: share of weights that exist, in (0, 1].
        steps: into how many parts a layer can be divided.
        where: which layer, in words.
        nearest: take the nearest number of parts instead of refusing.

    Raises:
        Infeasible: no whole number of parts makes the density; the nearest ones are named.
    """
    k = min(max(1, round(density * steps)), steps)
    if not nearest and not same(k / steps, density):
        below, above = max(1, math.floor(density * steps)), min(steps, math.ceil(density * steps))
        raise Infeasible(density, where, {n / steps: f"{n}/{steps}" for n in (below, above)})
    return k


def check(inputs: int, outputs: int, fan_out: int) -> int:
    """The fan-in that belongs to a fan-out.

    Raises:
        SeesawError: N_in * fan_out is not divisible by N_out, or the fan-out is not in 1..N_out.
    """
    steps = admissible(inputs, outputs)
    unit = outputs // steps
    if not 1 <= fan_out <= outputs or inputs * fan_out % outputs:
        near = sorted({min(outputs, max(unit, n * unit)) for n in (fan_out // unit, fan_out // unit + 1)})
        raise SeesawError(
            f"fan-out {fan_out} is not feasible between {inputs} inputs and {outputs} outputs: the nearest "
            f"feasible are {' and '.join(f'{n} (density {n / outputs:g})' for n in near)}"
        )
    return inputs * fan_out // outputs


def degree_mask(inputs: int, outputs: int, fan_out: int, seed: int) -> np.ndarray:
    """A random pattern with exactly this fan-out and the fan-in that belongs to it.

    Output by output, take every input that must be used now (as many uses left as outputs left), then others
    at random among those with uses left. No output can then run short, whatever was drawn before.

    Returns:
        Boolean (N_out, N_in). Equal arguments give equal patterns on every machine and version.
    """
    fan_in = check(inputs, outputs, fan_out)
    left = np.full(inputs, fan_out)
    mask = np.zeros((outputs, inputs), dtype=bool)
    for row in range(outputs):
        order = seeded_noise(seed, row, inputs)
        order[left == outputs - row] += 1
        order[left == 0] -= 1
        chosen = np.argsort(-order, kind="stable")[:fan_in]
        mask[row, chosen] = True
        left[chosen] -= 1
    return mask


def balanced_mask(inputs: int, outputs: int, fan_in: int, seed: int) -> np.ndarray:
    """A random pattern with exactly this fan-in, and fan-outs that differ by at most one.

    Output by output, take the inputs used least so far, at random among equals.

    Returns:
        Boolean (N_out, N_in). Equal arguments give equal patterns on every machine and version.
    """
    used = np.zeros(inputs)
    mask = np.zeros((outputs, inputs), dtype=bool)
    for row in range(outputs):
        chosen = np.argsort(used + seeded_noise(seed, row, inputs), kind="stable")[:fan_in]
        mask[row, chosen] = True
        used[chosen] += 1
    return mask


def cyclic_mask(inputs: int, outputs: int, offsets: np.ndarray) -> np.ndarray:
    """A weight exists where input and output differ by one of the offsets, round a ring of gcd(N_in, N_out) places.

    Returns:
        Boolean (N_out, N_in), with as many weights in every row, and as many in every column.
    """
    ring = admissible(inputs, outputs)
    there = np.zeros(2 * ring, dtype=bool)
    there[offsets % ring] = there[offsets % ring + ring] = True
    turned = sliding_window_view(there, ring)[ring:0:-1]  # row r begins r places earlier
    return np.tile(turned, (outputs // ring, inputs // ring))


def offsets_of(mask: np.ndarray) -> np.ndarray | None:
    """The offsets from which `cyclic_mask` makes a mask (N_out, N_in); None where it makes no such mask."""
    outputs, inputs = mask.shape
    offsets = np.flatnonzero(mask[0, : admissible(inputs, outputs)])
    return offsets if np.array_equal(cyclic_mask(inputs, outputs, offsets), mask) else None


def period_of(mask: np.ndarray) -> tuple[int, int]:
    """The rows and the columns after which a mask (N_out, N_in, ...) repeats; its sides where it does not."""
    periods = []
    for axis in (0, 1):
        side = mask.shape[axis]
        turned = np.moveaxis(mask, axis, 0)
        shorter = (n for n in range(1, side) if side % n == 0 and np.array_equal(turned[n:], turned[:-n]))
        periods.append(next(shorter, side))
    return periods[0], periods[1]


def seeded_noise(seed: int, row: int, count: int) -> np.ndarray:
    """Uniform numbers in [0, 1) from (seed, row, place) by SplitMix64 (Steele et al., OOPSLA 2014).

    Written out here because packed files keep only the seed: the numbers may never change.
    """
    golden = np.uint64(0x9E3779B97F4A7C15)
    with np.errstate(over="ignore"):
        key = _mix(np.array([seed & 0xFFFFFFFFFFFFFFFF], dtype=np.uint64) + golden)
        key = _mix(key ^ _mix(np.array([row], dtype=np.uint64) * golden + np.uint64(1)))
        mixed = _mix(key + np.arange(1, count + 1, dtype=np.uint64) * golden)
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mix(z: np.ndarray) -> np.ndarray:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
