"""StraightThrough: dense weights are trained, and the forward pass sees a changing part of them.

The gradient of the visible weights goes straight through to the dense ones (Bengio et al. 2013). Between two
steps `weight` holds the visible weights and a buffer the dense ones, so a checkpoint has both.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bench.kinds.bases.masking import Masking
from bench.kinds.method import Step, Train
from bench.network.net import Net
from bench.network.sparse.mask import Layer, hide

DENSE, VISIBLE = "weight_dense", "weight_seen"


class StraightThrough(Masking):
    """The contract: `visible` gives the part that the forward pass sees; `adjust` may change the gradient."""

    def visible(self, layer: Layer, dense: Tensor, progress: float) -> Tensor:
        """The mask of the dense weights that the next forward pass sees: boolean, of their shape."""
        raise NotImplementedError(f"{type(self).__name__} must define visible(layer, dense, progress)")

    def adjust(self, layer: Layer, dense: Tensor, visible: Tensor, gradient: Tensor) -> None:
        """Change in place the gradient that will update the dense weights, hidden ones included."""

    def begin(self, layer: Layer) -> None:
        """Give a layer further buffers before training."""

    def finish(self, layer: Layer) -> None:
        """Take them away after training."""

    def fit(self, net: Net, train: Train) -> None:
        """Train for the whole budget, then hide for good the weights that are not visible in the end."""
        for layer in self.sparse(net, train.cut).values():
            self.begin(layer)
            layer.register_buffer(DENSE, layer.weight.detach().clone())
            layer.register_buffer(VISIBLE, torch.ones_like(layer.weight, dtype=torch.bool))
            self._show(layer, 0.0)
        train(net, before_step=self.before_step, after_step=self._after)
        for layer in self.sparse(net, train.cut).values():
            mask = self.visible(layer, layer.get_buffer(DENSE), 1.0)
            layer.weight.data.copy_(layer.get_buffer(DENSE))
            delattr(layer, DENSE)
            delattr(layer, VISIBLE)
            self.finish(layer)
            hide(layer, mask)

    def before_step(self, step: Step) -> None:
        """Let the update be of the dense weights, with the gradient of the visible ones."""
        for layer in self.sparse(step.net, step.cut).values():
            dense = layer.get_buffer(DENSE)
            if layer.weight.grad is not None:
                self.adjust(layer, dense, layer.get_buffer(VISIBLE), layer.weight.grad)
            layer.weight.data.copy_(dense)

    def _after(self, step: Step) -> None:
        for layer in self.sparse(step.net, step.cut).values():
            layer.get_buffer(DENSE).copy_(layer.weight.detach())
            self._show(layer, step.progress)

    def _show(self, layer: Layer, progress: float) -> None:
        visible = layer.get_buffer(VISIBLE).copy_(self.visible(layer, layer.get_buffer(DENSE), progress))
        with torch.no_grad():
            layer.weight.mul_(visible)
