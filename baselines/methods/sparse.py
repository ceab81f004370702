"""Predefined sparsity: the pattern is chosen before training and never changes.

Every output has the same fan-in and every input the same fan-out (Dey et al., JETCAS 2019; Capogrosso et al.,
FDL 2024). In a convolution the pattern lies over pairs of channels, so a kernel exists whole or not at all.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from bench import Count, Net, Predefined, SeesawError, Train, degree, derived_seed, maskable, over_kernels


class Sparse(Predefined):
    """Predefined sparsity: fixed fan-in and fan-out, chosen before training and kept."""

    pattern: Literal["degree"] = "degree"
    """degree: random with exact fan-in and fan-out"""
    fan_out: tuple[Count, ...] = ()
    """fan-out of each layer, heads last, instead of a density; a head's is its width: 2:9:10"""

    def mask(self, shape: Sequence[int], seed: int) -> Tensor:
        outputs, inputs = shape[:2]
        fan_out = degree.fan_out_of(inputs, outputs, self.density, nearest=self.nearest)
        pairs = degree.degree_mask(inputs, outputs, fan_out, seed)
        return over_kernels(torch.from_numpy(pairs), shape)

    def prepare(self, net: Net, train: Train) -> None:
        if not self.fan_out:
            super().prepare(net, train)
            return
        layers = maskable(net, heads=True, where=self.where, cut=train.cut)
        if len(self.fan_out) != len(layers):
            raise SeesawError(
                f"sparse[fan_out=...] has {len(self.fan_out)} numbers for {len(layers)} layers "
                f"({', '.join(layers)}). Give one for each, in this order, joined by ':'."
            )
        numbers = {name: number for number, name in enumerate(maskable(net, heads=True))}
        for given, (name, layer) in zip(self.fan_out, layers.items(), strict=True):
            outputs, inputs = layer.weight.shape[:2]
            try:
                degree.check(inputs, outputs, given)
            except SeesawError as error:
                raise SeesawError(f"{name}: {error}. Give another fan-out.") from error
            one = self.with_density(given / outputs, nearest=True, fan_out=())
            one.lay(name, layer, derived_seed(train.seed, 1000, numbers[name]))
