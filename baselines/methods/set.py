"""SET: every so often the smallest weights give way to as many others, drawn at random.

Mocanu et al., "Scalable training of artificial neural networks with adaptive sparse connectivity inspired by
network science", Nature Communications 2018; with the cosine schedule of Evci et al. 2020.
"""

import math
from typing import Literal

import torch
from torch import Tensor

from bench import (
    Count,
    Density,
    Layer,
    Masking,
    Net,
    Share,
    Step,
    Train,
    by_layer,
    derived_seed,
    hide,
    largest,
    mask_of,
    seeded_noise,
)


class Set(Masking):
    """Dynamic sparse training: drops the smallest weights, grows at random."""

    density: Density = 0.125
    """share of the weights that exist at any time, over all sparse layers together"""
    layers: Literal["erk", "uniform"] = "erk"
    """erk: small layers keep more (Erdos-Renyi-Kernel); uniform: every layer the same"""
    every: Count = 100
    """steps from one change to the next"""
    drop: Share = 0.3
    """share of a layer's weights that the first change replaces; it falls as a cosine"""
    stop: Share = 0.75
    """share of the budget after which masks stay"""

    def fit(self, net: Net, train: Train) -> None:
        layers = self.sparse(net, train.cut)
        shapes = [tuple(layer.weight.shape) for layer in layers.values()]
        densities = by_layer(self.layers, shapes, self.density)
        for number, (layer, density) in enumerate(zip(layers.values(), densities, strict=True)):
            hide(layer, largest([drawn(layer, derived_seed(train.seed, 1000, number))], density)[0])
        train(net, share=self.stop, before_step=lambda step: self.change(step, train.seed))
        train(net)

    def change(self, step: Step, seed: int) -> None:
        """Rewire at every `every`-th step."""
        if step.index > 0 and step.index % self.every == 0:
            self.rewire(step, seed)

    def rewire(self, step: Step, seed: int) -> None:
        """Replace some weights of every layer."""
        share = self.drop / 2 * (1 + math.cos(math.pi * step.progress / self.stop))
        for number, layer in enumerate(self.sparse(step.net, step.cut).values()):
            mask = mask_of(layer)
            assert mask is not None
            count = round(share * int(mask.sum()))
            size = layer.weight.detach().abs().masked_fill(~mask, torch.inf)
            kept = mask & ~_lowest(size, count)
            growth = self.growth(
                step, layer, derived_seed(derived_seed(seed, 1000, number), 1_000_003, step.index)
            )
            hide(layer, kept | _lowest(-growth.masked_fill(kept, -torch.inf), count))

    def growth(self, step: Step, layer: Layer, seed: int) -> Tensor:
        """The scores by which hidden weights are grown, the highest first: here, random ones."""
        return drawn(layer, seed)


def drawn(layer: Layer, seed: int) -> Tensor:
    """Uniform numbers of a weight's shape that depend on the seed alone."""
    rows = [
        torch.from_numpy(seeded_noise(seed, row, layer.weight[0].numel())) for row in range(len(layer.weight))
    ]
    return torch.stack(rows).reshape(layer.weight.shape).to(layer.weight.device)


def _lowest(values: Tensor, count: int) -> Tensor:
    """A mask of the `count` smallest values."""
    mask = torch.zeros(values.numel(), dtype=torch.bool, device=values.device)
    mask[values.flatten().argsort(stable=True)[:count]] = True
    return mask.reshape(values.shape)
