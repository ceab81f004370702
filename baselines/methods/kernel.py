"""Kernel supports: which taps of a kernel exist repeats periodically within and across filters.

Kundu et al., "Pre-defined Sparsity for Low-Complexity Convolutional Neural Networks", IEEE TC 2020 (pSConv).
With period P, channel pair (o, i) has support (o + i + 1) mod P; supports are taps nearest to a corner of the
kernel, the four corners in turn. Where there are weights enough, one kernel in each period keeps all its taps
("boosting").
"""

import itertools
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bench import Count, Predefined, degree, over_kernels


class Kernel(Predefined):
    """Predefined periodic kernel supports; layers without kernels get fixed degrees."""

    period: Count = 8
    """after how many channels the supports repeat"""

    def mask(self, shape: Sequence[int], seed: int) -> Tensor:
        outputs, inputs, *size = shape
        taps = math.prod(size)
        if taps == 1:
            fan_out = degree.fan_out_of(inputs, outputs, self.density, nearest=self.nearest)
            return over_kernels(torch.from_numpy(degree.degree_mask(inputs, outputs, fan_out, seed)), shape)
        # the last period is whole along one side, so every turn is taken equally often
        period = max(math.gcd(self.period, inputs), math.gcd(self.period, outputs))
        kept = degree.units(
            self.density,
            taps * period,
            f"in kernels of {taps} taps with period {period}",
            nearest=self.nearest,
        )
        supports = np.stack(list(_supports(size, period, kept)))
        turn = (np.arange(outputs)[:, None] + np.arange(inputs) + 1) % period
        return torch.from_numpy(supports[turn].reshape(tuple(shape)))


def _supports(size: Sequence[int], period: int, kept: int):
    """The supports of one period, boolean (taps,), with `kept` taps together."""
    taps = math.prod(size)
    boost = period > 1 and kept >= taps + period - 1
    if boost:
        yield np.ones(taps, dtype=bool)
    count, more = divmod(kept - taps * boost, period - boost)
    places = np.stack(np.meshgrid(*[np.arange(n) for n in size], indexing="ij"), -1).reshape(taps, -1)
    corners = np.array(list(itertools.product((0, 1), repeat=len(size)))) * (np.array(size) - 1)
    for number in range(period - boost):
        away = ((places - corners[number % len(corners)]) ** 2).sum(1)
        support = np.zeros(taps, dtype=bool)
        support[np.argsort(away, kind="stable")[: count + (number < more)]] = True
        yield support
