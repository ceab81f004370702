"""RigL: every so often the smallest weights give way to those where the gradient is largest.

Evci et al., "Rigging the Lottery: Making All Tickets Winners", ICML 2020, algorithm 1, with ERK densities.
"""

from torch import Tensor

from baselines.methods.set import Set
from bench import Layer, Step


class Rigl(Set):
    """Dynamic sparse training: drops the smallest weights, grows where the dense gradient is largest."""

    def rewire(self, step: Step, seed: int) -> None:
        super().rewire(step, seed)
        for parameter in step.net.parameters():
            parameter.grad = None  # a step that rewires updates no weight

    def growth(self, step: Step, layer: Layer, seed: int) -> Tensor:
        return step.dense_gradient(layer).abs()
