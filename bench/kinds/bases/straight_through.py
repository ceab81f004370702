"""StraightThrough: dense weights are trained, and the forward pass sees a changing part of them.

The gradient of what is seen goes straight through to the dense weights (Bengio et al. 2013). Between two steps
`weight` is what is seen and a buffer holds the dense weights, so a checkpoint has both.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bench.kinds.bases.masking import Masking
from bench.kinds.method import Step, Train
from bench.network.net import Net
from bench.network.sparse.mask import Layer, hide

DENSE, SEEN = "weight_dense", "weight_seen"


class StraightThrough(Masking):
    """The contract: `seen` gives the part that the forward pass sees; `felt` may look at the gradient and change it."""

    def seen(self, layer: Layer, dense: Tensor, progress: float) -> Tensor:
        """Which of the dense weights the next forward pass sees: boolean, of their shape."""
        raise NotImplementedError(f"{type(self).__name__} must define seen(layer, dense, progress)")

    def felt(self, layer: Layer, dense: Tensor, seen: Tensor, gradient: Tensor) -> None:
        """Change the gradient in place before it updates the dense weights; hidden ones have theirs too."""

    def begin(self, layer: Layer) -> None:
        """Give a layer further buffers before training."""

    def finish(self, layer: Layer) -> None:
        """Take them away after it."""

    def fit(self, net: Net, train: Train) -> None:
        """Train for the whole budget, then hide for good what is not seen in the end."""
        for layer in self.sparse(net, train.cut).values():
            self.begin(layer)
            layer.register_buffer(DENSE, layer.weight.detach().clone())
            layer.register_buffer(SEEN, torch.ones_like(layer.weight, dtype=torch.bool))
            self._show(layer, 0.0)
        train(net, before_step=self.before_step, after_step=self._after)
        for layer in self.sparse(net, train.cut).values():
            mask = self.seen(layer, layer.get_buffer(DENSE), 1.0)
            layer.weight.data.copy_(layer.get_buffer(DENSE))
            delattr(layer, DENSE)
            delattr(layer, SEEN)
            self.finish(layer)
            hide(layer, mask)

    def before_step(self, step: Step) -> None:
        """The update is of the dense weights, with the gradient that the seen ones had."""
        for layer in self.sparse(step.net, step.cut).values():
            dense = layer.get_buffer(DENSE)
            if layer.weight.grad is not None:
                self.felt(layer, dense, layer.get_buffer(SEEN), layer.weight.grad)
            layer.weight.data.copy_(dense)

    def _after(self, step: Step) -> None:
        for layer in self.sparse(step.net, step.cut).values():
            layer.get_buffer(DENSE).copy_(layer.weight.detach())
            self._show(layer, step.progress)

    def _show(self, layer: Layer, progress: float) -> None:
        seen = layer.get_buffer(SEEN).copy_(self.seen(layer, layer.get_buffer(DENSE), progress))
        with torch.no_grad():
            layer.weight.mul_(seen)
