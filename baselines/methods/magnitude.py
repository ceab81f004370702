"""Magnitude pruning at another method's densities by layer: does that method choose weights, or only layers?

The control of Blalock et al., "What is the State of Neural Network Pruning?", MLSys 2020, beside `random` and
`shuffled`.
"""

from bench import Density, Method, MethodSpec, Net, Train, choose, hide, largest, layers, masks_of


class Magnitude(Method):
    """Control: magnitude pruning with another method's densities by layer."""

    of: MethodSpec = "snip"
    """spec of the method whose densities by layer are taken"""
    density: Density | None = None
    """instead of that method's own"""
    at: Density = 0.5
    """share of the budget trained before pruning"""

    @property
    def sided(self) -> bool:
        return choose(Method, self.of).plugin.sided

    def fit(self, net: Net, train: Train) -> None:
        masks = masks_of(self.of, self.density, net, train)
        train(net, share=self.at)
        for name, mask in masks.items():
            layer = layers(net)[name]
            hide(layer, largest([layer.weight.detach().abs()], float(mask.double().mean()))[0])
        train(net)
