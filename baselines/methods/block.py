"""Blocks: weights exist in whole blocks, every row and column of blocks with as many as the others.

The block form of fixed degrees (after Gray et al., "GPU Kernels for Block-Sparse Weights", 2017).
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bench import Count, Predefined, degree, over_kernels


class Block(Predefined):
    """Predefined blocks with exact degrees: one index for a whole block."""

    size: Count = 2
    """height and width of a block; in a layer whose width it does not divide, their greatest common divisor"""

    def mask(self, shape: Sequence[int], seed: int) -> Tensor:
        outputs, inputs = shape[:2]
        height, width = math.gcd(outputs, self.size), math.gcd(inputs, self.size)
        rows, columns = outputs // height, inputs // width
        steps = math.gcd(columns, rows)
        where = f"in blocks of {height} x {width} between {inputs} inputs and {outputs} outputs"
        count = degree.units(self.density, steps, where, nearest=self.nearest)
        blocks = degree.degree_mask(columns, rows, rows * count // steps, seed)
        return over_kernels(torch.from_numpy(np.kron(blocks, np.ones((height, width), bool))), shape)
