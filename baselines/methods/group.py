"""Groups: channels form groups that read only their own inputs, which a permutation mixes in every layer.

Grouped convolution with a channel permutation (Zhang et al., ShuffleNet, CVPR 2018; Zhang et al., Interleaved
Group Convolutions, ICCV 2017), the permutation being random and predefined.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bench import Infeasible, Predefined, degree, over_kernels, seeded_noise


class Group(Predefined):
    """Predefined groups with a channel permutation: density 1/groups."""

    def mask(self, shape: Sequence[int], seed: int) -> Tensor:
        outputs, inputs = shape[:2]
        groups = self._groups(inputs, outputs)
        place = np.argsort(np.argsort(seeded_noise(seed, 0, inputs), kind="stable"))
        of_input, of_output = place * groups // inputs, np.arange(outputs) * groups // outputs
        return over_kernels(torch.from_numpy(of_output[:, None] == of_input), shape)

    def _groups(self, inputs: int, outputs: int) -> int:
        """How many groups make the density; their number divides both widths."""
        common = math.gcd(inputs, outputs)
        divisors = [n for n in range(1, common + 1) if common % n == 0]
        best = min(divisors, key=lambda n: (abs(1 / n - self.density), n))
        if not self.nearest and not degree.same(1 / best, self.density):
            near = {
                max(n for n in divisors if 1 / n >= self.density),
                min((n for n in divisors if 1 / n <= self.density), default=common),
            }
            where = f"in groups between {inputs} inputs and {outputs} outputs"
            raise Infeasible(self.density, where, {1 / n: f"{n} groups" for n in sorted(near)})
        return best
