"""Narrow: a dense network with smaller widths and as many parameters as a sparse one of this density has.

The control that a sparse network must beat (Zhu & Gupta 2017; Gale et al. 2019).
"""

from collections.abc import Callable

from bench import Backbone, Density, Method, Net, maskable, parameters


class Narrow(Method):
    """The smaller dense network of equal parameters."""

    density: Density = 0.125
    """density of the sparse network whose parameters it matches"""

    def reshape(self, backbone: Backbone, build: Callable[[Backbone], Net]) -> Backbone:
        whole = build(backbone)
        hidden = sum(layer.weight.numel() for layer in maskable(whole).values())
        target = parameters(whole) - (1 - self.density) * hidden

        def miss(width: float) -> float:
            return parameters(build(backbone.model_copy(update={"width": width}))) - target

        low, high = 0.0, backbone.width
        for _ in range(24):
            middle = (low + high) / 2
            low, high = (middle, high) if miss(middle) < 0 else (low, middle)
        best = min((low or high, high), key=lambda width: abs(miss(width)))
        return backbone.model_copy(update={"width": round(best, 6)})
