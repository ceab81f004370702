"""Predefined sparsity: the pattern is chosen before training and never changes.

Every output has the same fan-in and every input the same fan-out (Dey et al., JETCAS 2019; Capogrosso et al.,
FDL 2024). In a convolution the pattern lies over pairs of channels, so a kernel exists whole or not at all.
"""

from typing import Literal

from bench import Count, Density, Method, Net, SeesawError, Train, degree, hide, mask_from, maskable

NEAREST = "Ask for one of these, or let every layer take its nearest: nearest=true"


class Sparse(Method):
    """Predefined sparsity: fixed fan-in and fan-out, chosen before training and kept."""

    density: Density = 0.125
    """share of the weights that exist, in every sparse layer"""
    pattern: Literal["degree"] = "degree"
    """degree: random with exact fan-in and fan-out"""
    fan_out: tuple[Count, ...] = ()
    """fan-out of each layer, heads last, instead of a density; a head's is its width: 2:9:10"""
    heads: bool = False
    """whether classifiers are sparse too"""
    nearest: bool = False
    """whether a layer may take its nearest feasible density where the asked one is not feasible"""

    def prepare(self, net: Net, train: Train) -> None:
        layers = maskable(net, heads=self.heads or bool(self.fan_out))
        if self.fan_out and len(self.fan_out) != len(layers):
            raise SeesawError(
                f"sparse[fan_out=...] has {len(self.fan_out)} numbers for {len(layers)} layers "
                f"({', '.join(layers)}). Give one for each, in this order, joined by ':'."
            )
        for number, (name, layer) in enumerate(layers.items()):
            outputs, inputs = layer.weight.shape[:2]
            try:
                if self.fan_out:
                    fan_out = self.fan_out[number]
                else:
                    fan_out = degree.fan_out_of(inputs, outputs, self.density, nearest=self.nearest)
                degree.check(inputs, outputs, fan_out)
            except SeesawError as error:
                advice = "Give another fan-out" if self.fan_out else NEAREST
                raise SeesawError(f"{name}: {error}. {advice}.") from error
            if fan_out < outputs:
                line = degree.pattern(fan_out, seed=train.seed * 1000 + number)
                hide(layer, mask_from(line, layer.weight.shape), line)
