"""Filter pruning: drop the filters of the smallest absolute sums, and all weights that only they feed.

Li et al., "Pruning Filters for Efficient ConvNets", ICLR 2017: the same share of filters in every layer;
where a shortcut adds to a layer's output, that layer keeps its filters. In a linear layer a filter is a
neuron.
"""

import copy

import torch
from torch import Tensor

from bench import Net, Structured, connected, hide, layers


class Filters(Structured):
    """Structured: whole filters by their L1 norm, in mid-training, with the weights that depend on them."""

    def masks(self, net: Net, cut: int | None = None) -> dict[str, Tensor]:
        inner, whole = [name for name in self.sparse(net, cut) if _is_inner(net, name)], connected(net)
        return self.nearest(net, lambda share: without(net, whole, inner, share), cut)


def without(net: Net, whole: dict[str, Tensor], names: list[str], share: float) -> dict[str, Tensor]:
    """The masks of all layers when some lose a share of their filters, the smallest; one at least stays.

    Args:
        net: as it is.
        whole: its weights on a path (`connected`).
        names: the layers that lose filters.
        share: of the filters, in [0, 1].
    """
    twin = copy.deepcopy(net)
    for name in names:
        norms = layers(twin)[name].weight.detach().abs().flatten(1).sum(1)
        _hide_filters(
            twin, name, norms.argsort(stable=True)[: min(round(share * len(norms)), len(norms) - 1)]
        )
    return {name: _left(whole[name], mask) for name, mask in connected(twin).items()}


def _left(before: Tensor, after: Tensor) -> Tensor:
    """All but the filters and input channels that are no longer on a path; taps on padding alone stay."""
    left = torch.ones_like(after)
    for side in (0, 1):
        gone = before.movedim(side, 0).flatten(1).any(1) & ~after.movedim(side, 0).flatten(1).any(1)
        left.movedim(side, 0)[gone] = False
    return left


def _is_inner(net: Net, name: str) -> bool:
    """Whether other layers have weights that only this layer's filters feed: not so where a shortcut feeds them too.

    The first, the middle and the last filter are tried: a shortcut may reach some channels and not others.
    """
    before, last = connected(net), len(layers(net)[name].weight) - 1
    for row in (0, last // 2, last):
        twin = copy.deepcopy(net)
        _hide_filters(twin, name, torch.tensor([row]))
        after = connected(twin)
        if all(torch.equal(after[other], before[other]) for other in after if other != name):
            return False
    return True


def _hide_filters(net: Net, name: str, rows: Tensor) -> None:
    mask = torch.ones_like(layers(net)[name].weight, dtype=torch.bool)
    mask[rows] = False
    hide(layers(net)[name], mask)
