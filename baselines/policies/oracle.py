"""The bound: the cheapest exit that is right, and the cheapest of all where none is."""

from torch import Tensor

from bench import Reference


class Oracle(Reference):
    """Leaves at the cheapest exit that is right. It sees labels: a bound, never ranked."""

    def choose(self, logits: Tensor, labels: Tensor, costs: Tensor) -> Tensor:
        right = (logits.argmax(-1) == labels) & ~logits.isnan().any(-1)
        price = costs[:, None].expand(right.shape).clone()
        price[~right] += costs.max() + 1
        return price.argmin(0)
