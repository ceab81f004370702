"""RadiX-Net: layers are sums of cyclic shifts by powers of a radix, so all inputs reach all outputs, and equally often.

Robinett & Kepner, "RadiX-Net: Structured Sparse Matrices for Deep Neural Networks", IPDPSW 2019: with radices N_1,
N_2, ... layer i joins places that differ by j * v_i, j < N_i, where v_i is the product of the radices before it.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bench import Predefined, degree, over_kernels


class Radix(Predefined):
    """Predefined RadiX-Net: cyclic shifts whose stride grows from layer to layer; nothing is random."""

    def mask(self, shape: Sequence[int], seed: int) -> Tensor:
        outputs, inputs = shape[:2]
        ring = math.gcd(inputs, outputs)
        radix = degree.units(
            self.density,
            ring,
            f"in cyclic shifts between {inputs} inputs and {outputs} outputs",
            nearest=self.nearest,
        )
        digits = max(1, round(math.log(ring, radix) - 1e-9)) if radix > 1 else 1
        while radix**digits > ring:
            digits -= 1
        stride = radix ** (
            seed % 1000 % max(digits, 1)
        )  # the layer's number is the last three digits of its seed
        return over_kernels(
            torch.from_numpy(degree.cyclic_mask(inputs, outputs, np.arange(radix) * stride)), shape
        )
