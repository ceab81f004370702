"""RadiX-Net: layers sum cyclic shifts by powers of a radix, so all inputs reach all outputs equally often.

Robinett & Kepner, "RadiX-Net: Structured Sparse Matrices for Deep Neural Networks", IPDPSW 2019: with radices
N_1, N_2, ... layer i joins places that differ by j * v_i, j < N_i, where v_i is the product of the radices
before it. Here all radices are one, k, which gives every layer one density; where the places are no power of
it, the last of the layers steps by places / k instead of k^(digits - 1), and all paths are still equally
many.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bench import Infeasible, Predefined, degree, over_kernels


class Radix(Predefined):
    """Predefined RadiX-Net: cyclic shifts whose stride grows from layer to layer; nothing is random."""

    def mask(self, shape: Sequence[int], seed: int) -> Tensor:
        outputs, inputs = shape[:2]
        ring = math.gcd(inputs, outputs)
        radix = self._radix(inputs, outputs, ring)
        steps = strides(ring, radix)
        stride = steps[seed % 1000 % len(steps)]  # the layer's number is the last three digits of its seed
        offsets = np.arange(radix) * stride
        return over_kernels(torch.from_numpy(degree.cyclic_mask(inputs, outputs, offsets)), shape)

    def _radix(self, inputs: int, outputs: int, ring: int) -> int:
        """The radix that makes the density."""
        feasible = [radix for radix in range(1, ring + 1) if strides(ring, radix)]
        best = min(feasible, key=lambda radix: abs(radix / ring - self.density))
        if not self.nearest and not degree.same(best / ring, self.density):
            near = {
                max((n for n in feasible if n / ring <= self.density), default=feasible[0]),
                min(n for n in feasible if n / ring >= self.density),
            }
            where = f"in cyclic shifts between {inputs} inputs and {outputs} outputs"
            raise Infeasible(self.density, where, {n / ring: f"{n}/{ring}" for n in sorted(near)})
        return best


def strides(ring: int, radix: int) -> list[int]:
    """The steps of successive layers on a ring, after which all paths are equally many; empty if none are."""
    if ring == radix:
        return [1]
    if radix == 1 or ring % radix:
        return []
    digits = 1
    while radix**digits < ring:
        digits += 1
    if radix**digits % ring:
        return []
    return [radix**digit for digit in range(digits - 1)] + [ring // radix]
