"""Kernel patterns: every kernel keeps one of a few patterns of taps, and weak kernels go altogether.

Niu et al., "PatDNN: Achieving Real-Time DNN Execution on Mobile Devices with Pattern-based Weight Pruning",
ASPLOS 2020, section 4: a kernel's natural pattern is its centre and its three largest other taps; the most
frequent ones make the pattern set; connectivity pruning keeps the kernels of largest norm; ADMM draws the
weights to that form, then they are masked and trained on. Layers without kernels are pruned by magnitude.
"""

import torch
from torch import Tensor

from bench import Count, Density, Layer, Masking, Net, Positive, Share, Step, Train, hide, largest

TARGET, DUAL = "weight_target", "weight_dual"


class Patterns(Masking):
    """Structured: one of a few tap patterns in every kernel, and whole kernels removed, by ADMM."""

    density: Density = 0.125
    """share of each layer's weights that stay"""
    patterns: Count = 8
    """in the set that kernels of one size choose from"""
    taps: Count | None = None
    """of a kernel that stays; open: 4 of 9, as many in proportion of other sizes, more where the density needs it"""
    dense: Share = 0.3
    """share of the budget trained before the patterns are chosen"""
    pull: Share = 0.3
    """share of the budget in which ADMM draws the weights to their patterns"""
    rho: Positive = 1e-2
    """strength of the pull: the augmented Lagrangian's penalty"""
    every: Count = 50
    """steps from one projection to the next"""

    def fit(self, net: Net, train: Train) -> None:
        train(net, share=self.dense)
        sets = self.pattern_sets(net, train.cut)
        for layer in self.sparse(net, train.cut).values():
            layer.register_buffer(TARGET, self.projected(layer.weight.detach(), sets))
            layer.register_buffer(DUAL, torch.zeros_like(layer.weight))
        train(net, share=self.pull, before_step=lambda step: self.add_penalty(step, sets))
        for layer in self.sparse(net, train.cut).values():
            delattr(layer, TARGET)
            delattr(layer, DUAL)
            hide(layer, self.mask(layer.weight.detach(), sets))
        train(net)

    def add_penalty(self, step: Step, sets: dict[int, Tensor]) -> None:
        """Add the gradient rho (W - Z + U); every `every` steps Z <- projection of W + U, U <- U + W - Z."""
        for layer in self.sparse(step.net, step.cut).values():
            weight, target, dual = layer.weight.detach(), layer.get_buffer(TARGET), layer.get_buffer(DUAL)
            if step.index % self.every == 0:
                target.copy_(self.projected(weight + dual, sets))
                dual.add_(weight - target)
            if layer.weight.grad is not None:
                layer.weight.grad.add_(weight - target + dual, alpha=self.rho)

    def kept_taps(self, size: int) -> int:
        """The number of taps that a kernel of `size` taps keeps."""
        wanted = self.taps or max(round(size * 4 / 9), 1)
        return min(size, max(wanted, -int(-self.density * size // 1)))

    def pattern_sets(self, net: Net, cut: int | None = None) -> dict[int, Tensor]:
        """The most frequent natural patterns, by the number of a kernel's taps: boolean (patterns, taps)."""
        patterns: dict[int, list[Tensor]] = {}
        for layer in self.sparse(net, cut).values():
            kernels = _kernels(layer)
            if (size := kernels.shape[1]) > 1:
                patterns.setdefault(size, []).append(natural(kernels, self.kept_taps(size)))
        sets = {}
        for size, parts in patterns.items():
            unique, counts = torch.cat(parts).unique(dim=0, return_counts=True)
            sets[size] = unique[counts.argsort(descending=True, stable=True)[: self.patterns]]
        return sets

    def mask(self, weight: Tensor, sets: dict[int, Tensor]) -> Tensor:
        """The mask of the pattern that keeps most of each kernel's norm, in the kernels that keep most."""
        kernels = weight.flatten(2).flatten(0, 1) if weight.dim() > 2 else weight.reshape(-1, 1)
        size = kernels.shape[1]
        if size == 1:
            return largest([weight.abs()], self.density)[0]
        norms = kernels.square() @ sets[size].to(kernels.dtype).T
        best = norms.max(dim=1)
        share = min(1.0, self.density * size / self.kept_taps(size))
        keep = largest([best.values], share)[0]
        return (sets[size][best.indices] & keep[:, None]).reshape(weight.shape)

    def projected(self, weight: Tensor, sets: dict[int, Tensor]) -> Tensor:
        """The nearest weight whose kernels have patterns and are few enough."""
        return weight * self.mask(weight, sets)


def natural(kernels: Tensor, taps: int) -> Tensor:
    """Each kernel's centre and its largest other taps, boolean (kernels, size)."""
    size = kernels.abs()
    size[:, kernels.shape[1] // 2] = torch.inf
    return torch.zeros_like(size, dtype=torch.bool).scatter_(1, size.topk(taps, dim=1).indices, True)


def _kernels(layer: Layer) -> Tensor:
    """A weight as (pairs of channels, taps)."""
    weight = layer.weight.detach()
    return weight.flatten(2).flatten(0, 1) if weight.dim() > 2 else weight.reshape(-1, 1)
