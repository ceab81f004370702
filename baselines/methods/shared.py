"""Shared index sets: neighbouring outputs read the same inputs, so that one index serves them all.

It lets a CPU run fixed fan-in near its limit: the gathered inputs serve a whole group of outputs.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from bench import Count, Predefined, degree, over_kernels


class Shared(Predefined):
    """Predefined fixed fan-in; groups of neighbouring outputs share one index set."""

    outputs: Count = 8
    """outputs in a group; in a layer whose outputs it does not divide, their greatest common divisor"""

    def mask(self, shape: Sequence[int], seed: int) -> Tensor:
        outputs, inputs = shape[:2]
        group = math.gcd(outputs, self.outputs)
        fan_in = degree.units(self.density, inputs, f"with {inputs} inputs", nearest=self.nearest)
        sets = torch.from_numpy(degree.balanced_mask(inputs, outputs // group, fan_in, seed))
        return over_kernels(sets.repeat_interleave(group, 0), shape)
