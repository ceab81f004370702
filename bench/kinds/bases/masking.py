"""Masking: bases of methods that hide weights: in which layers, and how many in each."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Annotated, Literal

from torch import Tensor

from bench.errors import SeesawError
from bench.kinds.method import Density, Method, Train, maskable, overrides
from bench.network.net import Net
from bench.network.sparse.densities import by_layer
from bench.network.sparse.mask import Layer, hide, largest, layers, masked
from bench.plugins.plugin import choose, usual


class Masking(Method):
    """A method that hides weights; `sparse` gives the layers it may hide them in."""

    where: Annotated[Literal["device", "server"] | None, usual("all")] = None
    """all, or the side of the cut that is sparse: device or server; --cut names the cut"""

    @property
    def sided(self) -> bool:
        return self.where is not None

    def sparse(self, net: Net, cut: int | None = None) -> dict[str, Layer]:
        """The layers that this method makes sparse, by name, from the input on.

        Args:
            net: whose layers.
            cut: of the run (`train.cut`, `step.cut`).
        """
        return maskable(net, where=self.where, cut=cut)


class Pruning(Masking):
    """A method that scores weights and keeps the best; `keep` is all it needs."""

    density: Density = 0.125
    """share of the weights that stay, over all sparse layers together"""
    layers: Annotated[Literal["uniform", "erk"] | None, usual("global")] = None
    """global: the best of the whole network; uniform: of each layer; erk: of each, small layers keeping more"""

    def best(self, scores: Sequence[Tensor], density: float | None = None) -> list[Tensor]:
        """Masks of the largest scores: exactly a share `density` of all, or of each layer.

        Args:
            scores: one tensor for each sparse layer, of its weight's shape.
            density: instead of the method's own, such as one on the way to it.
        """
        density = self.density if density is None else density
        if self.layers is None:
            return largest(scores, density)
        shares = by_layer(self.layers, [tuple(score.shape) for score in scores], density)
        return [largest([score], share)[0] for score, share in zip(scores, shares, strict=True)]

    def keep(
        self, net: Net, scores: Sequence[Tensor], cut: int | None = None, density: float | None = None
    ) -> None:
        """Hide all weights but those with the largest scores (see `best`)."""
        for layer, mask in zip(self.sparse(net, cut).values(), self.best(scores, density), strict=True):
            hide(layer, mask)

    def magnitudes(self, net: Net, cut: int | None = None) -> list[Tensor]:
        """The absolute weights of the sparse layers, as scores."""
        return [layer.weight.detach().abs() for layer in self.sparse(net, cut).values()]


class Structured(Masking):
    """A method that drops whole channels in the middle of training; define `masks`, by means of `nearest`."""

    density: Density = 0.125
    """share of the weights that stay, over all sparse layers together; as near as whole channels come"""
    at: Density = 0.5
    """share of the budget trained before pruning"""

    def masks(self, net: Net, cut: int | None = None) -> dict[str, Tensor]:
        """The mask of every layer, by name, without dropped channels and all weights that depend on them."""
        raise NotImplementedError(f"{type(self).__name__} must define masks(net, cut)")

    def nearest(
        self, net: Net, without: Callable[[float], dict[str, Tensor]], cut: int | None = None
    ) -> dict[str, Tensor]:
        """The masks that come nearest to the density, by bisection.

        Args:
            net: whose sparse layers count.
            without: gives the masks of all layers when a share of channels, in [0, 1], is dropped.
            cut: of the run, if it has one.
        """
        low, high, tried = 0.0, 1.0, []
        for _ in range(12):
            share = (low + high) / 2
            masks = without(share)
            kept = [masks[name] for name in self.sparse(net, cut)]
            density = sum(int(mask.sum()) for mask in kept) / max(sum(mask.numel() for mask in kept), 1)
            tried.append((abs(density - self.density), share, masks))
            low, high = (share, high) if density > self.density else (low, share)
        return min(tried, key=lambda one: one[:2])[2]

    def fit(self, net: Net, train: Train) -> None:
        train(net, share=self.at)
        for name, mask in self.masks(net, train.cut).items():
            if not bool(mask.all()):
                hide(layers(net)[name], mask)
        train(net)


def masks_of(spec: str, density: float | None, net: Net, train: Train) -> dict[str, Tensor]:
    """The masks that a method gives this network, by layers' names; the network stays as it is.

    A method that only masks before training is not trained for them; another is, and its training counts.

    Args:
        spec: of the method.
        density: instead of the method's own.
        net: before training.
        train: the budget.

    Raises:
        SeesawError: the method has no density to set, or hides nothing.
    """
    method = choose(Method, spec).plugin
    if density is not None:
        if "density" not in type(method).model_fields:
            raise SeesawError(f"{spec} has no density to set. Set its own settings instead: of={spec}[...]")
        method = method.model_copy(update={"density": density})
    twin = copy.deepcopy(net)
    if any(overrides(method, hook) for hook in ("fit", "after_step", "finalize")):
        method.fit(twin, train)
        train.rewind()
    else:
        method.prepare(twin, train)
    if masks := {name: mask for name, _, mask in masked(twin)}:
        return masks
    raise SeesawError(f"{spec} hides no weights, so there is no mask to take. Choose another method: of=...")
