"""Cyclic diagonals: a weight exists where input and output differ by one of a few offsets, round the edge.

The static form of DynaDiag (Tyagi et al., ICML 2025) and of the rows that clash-free memories read; an index
costs one number a diagonal.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bench import Predefined, degree, over_kernels, seeded_noise


class Diagonal(Predefined):
    """Predefined cyclic diagonals with random offsets: exact degrees, no index but the offsets."""

    def mask(self, shape: Sequence[int], seed: int) -> Tensor:
        outputs, inputs = shape[:2]
        ring = math.gcd(inputs, outputs)
        count = degree.units(
            self.density,
            ring,
            f"in diagonals between {inputs} inputs and {outputs} outputs",
            nearest=self.nearest,
        )
        offsets = np.argsort(seeded_noise(seed, 0, ring), kind="stable")[:count]
        return over_kernels(torch.from_numpy(degree.cyclic_mask(inputs, outputs, offsets)), shape)
