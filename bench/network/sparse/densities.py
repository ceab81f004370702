"""Densities by layer: one density for all, or Erdos-Renyi-Kernel (Evci et al., RigL, ICML 2020, section 3.1)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal


def erk(shapes: Sequence[Sequence[int]], density: float) -> list[float]:
    """Densities in proportion to the sum over the product of a weight's dimensions: small layers keep more.

    A layer that would have more than all its weights is dense, and the others make up for it.

    Args:
        shapes: of the weights, (N_out, N_in, ...).
        density: of all of them together, in (0, 1].

    Returns:
        One density a layer, each in (0, 1]; together they keep `density` of all weights.
    """
    sizes = [math.prod(shape) for shape in shapes]
    raw = [sum(shape) / size for shape, size in zip(shapes, sizes, strict=True)]
    dense: set[int] = set()
    while True:
        sparse = [n for n in range(len(shapes)) if n not in dense]
        left = density * sum(sizes) - sum(sizes[n] for n in dense)
        factor = left / sum(raw[n] * sizes[n] for n in sparse) if sparse else 0.0
        over = {n for n in sparse if factor * raw[n] > 1}
        if not over:
            return [1.0 if n in dense else factor * raw[n] for n in range(len(shapes))]
        dense.add(max(over, key=lambda n: raw[n]))


def uniform(shapes: Sequence[Sequence[int]], density: float) -> list[float]:
    """The same density for every layer."""
    return [density] * len(shapes)


def by_layer(rule: Literal["erk", "uniform"], shapes: Sequence[Sequence[int]], density: float) -> list[float]:
    """Densities by layer; none so small that a layer would lose its last weight.

    Args:
        rule: `erk` or `uniform`.
        shapes: of the weights, (N_out, N_in, ...).
        density: of all of them together, in (0, 1].
    """
    shares = {"erk": erk, "uniform": uniform}[rule](shapes, density)
    return [max(share, 1 / math.prod(shape)) for share, shape in zip(shares, shapes, strict=True)]
