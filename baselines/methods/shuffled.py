"""Shuffled masks: another method's densities by layer, its masks shuffled within each layer.

The sanity check of Frankle et al., "Pruning Neural Networks at Initialization: Why Are We Missing the Mark?", ICLR
2021: where a method does no better than its own shuffled mask, it chooses densities and not weights.
"""

import copy

import torch
from torch import Tensor

from bench import Density, Method, Net, SeesawError, Train, choose, hide, mask_of, maskable


class Shuffled(Method):
    """Control: the masks of another method, shuffled within each layer."""

    of: str = "snip"
    """spec of the method whose densities by layer are taken"""
    density: Density | None = None
    """instead of that method's own"""

    @property
    def sided(self) -> bool:
        return choose(Method, self.of).plugin.sided

    def fit(self, net: Net, train: Train) -> None:
        masks = masks_of(self.of, self.density, net, train)
        generator = torch.Generator().manual_seed(train.seed)
        for name, layer in maskable(net, heads=True).items():
            if name in masks:
                order = torch.randperm(masks[name].numel(), generator=generator).to(masks[name].device)
                hide(layer, masks[name].flatten()[order].reshape(masks[name].shape))
        train(net)


def masks_of(spec: str, density: float | None, net: Net, train: Train) -> dict[str, Tensor]:
    """The masks that a method gives this network, which stays as it is.

    A method that masks before training is only asked for its masks; another is trained, and its training counts.
    """
    method = choose(Method, spec).plugin
    if density is not None:
        if "density" not in type(method).model_fields:
            raise SeesawError(f"{spec} has no density to set. Set its own settings instead: of={spec}[...]")
        method = method.model_copy(update={"density": density})
    twin = copy.deepcopy(net)
    if type(method).fit is Method.fit:
        method.prepare(twin, train)
    if not _masks(twin):
        method.fit(twin, train)
        train.rewind()
    if masks := _masks(twin):
        return masks
    raise SeesawError(f"{spec} hides no weights, so there is no mask to take. Choose another method: of=...")


def _masks(net: Net) -> dict[str, Tensor]:
    masks = {name: mask_of(layer) for name, layer in maskable(net, heads=True).items()}
    return {name: mask for name, mask in masks.items() if mask is not None}
