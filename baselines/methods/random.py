"""Random masks with Erdos-Renyi-Kernel or uniform densities: the control that any choice of weights must beat.

Liu et al., "The Unreasonable Effectiveness of Random Pruning", ICLR 2022. Fixed through training, so
predefined too.
"""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from bench import Predefined, seeded_noise


class Random(Predefined):
    """Random masks, chosen before training and kept: exact counts, no fixed degrees."""

    layers: Literal["erk", "uniform"] = "erk"  # pyright: ignore[reportIncompatibleVariableOverride]  another usual
    """erk: small layers keep more (Evci et al. 2020); uniform: every layer the same"""

    def mask(self, shape: Sequence[int], seed: int) -> Tensor:
        count = round(self.density * math.prod(shape))
        drawn = np.stack([seeded_noise(seed, row, math.prod(shape[1:])) for row in range(shape[0])]).reshape(
            -1
        )
        mask = np.zeros(drawn.shape, dtype=bool)
        mask[np.argsort(drawn, kind="stable")[:count]] = True
        return torch.from_numpy(mask.reshape(tuple(shape)))
