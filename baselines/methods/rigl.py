"""RigL: every so often the smallest weights give way to those where the gradient is largest.

Evci et al., "Rigging the Lottery: Making All Tickets Winners", ICML 2020, algorithm 1, with ERK densities.

The gradient of a layer is a sum of products of an output's error and an input's activation, so the largest ones share a few
outputs and inputs. Lenet and mlp have no normalisation that evens these out, and growth crowds there: after four epochs on
Fashion-MNIST at 12.5% a tenth of the inputs of lenet's largest layer have 3 times the weights of the median one (under `set`
1.4 times), and RigL loses to `set`: 88.28% against 89.12%. With `balanced` scores it is 89.03% (means of seeds 0, 1 and 2). It is
not the optimiser: weights that begin with the layer's mean second moment of Adam in place of 0 gain nothing (88.24%, seeds 0
and 1), nor do updates in the steps that rewire (88.40%, seed 0), nor a smaller `drop` (0.1: 88.34%, seed 0).
"""

from torch import Tensor

from baselines.methods.set import Set
from bench import Layer, Step

TINY = 1e-30
"""In place of the mean of an output or input without gradients."""


class Rigl(Set):
    """Dynamic sparse training: drops the smallest weights, grows where the dense gradient is largest."""

    balanced: bool = False
    """whether a gradient counts over the root mean squares of its output's and its input's gradients; published: not"""

    def rewire(self, step: Step, seed: int) -> None:
        super().rewire(step, seed)
        for parameter in step.net.parameters():
            parameter.grad = None  # a step that rewires updates no weight

    def growth(self, step: Step, layer: Layer, seed: int) -> Tensor:
        size = step.dense_gradient(layer).abs()
        return _balanced(size) if self.balanced else size


def _balanced(size: Tensor) -> Tensor:
    """Sizes of gradients over the root mean squares along outputs (dimension 0) and inputs (dimension 1)."""
    squares = size.square()
    for place in (0, 1):
        others = [one for one in range(size.dim()) if one != place]
        size = size / squares.mean(dim=others, keepdim=True).sqrt().clamp_min(TINY)
    return size
