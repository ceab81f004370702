"""The bound: the cheapest exit that is right, and the cheapest of all where none is."""

from torch import Tensor

from bench import Reference


class Oracle(Reference):
    """Leaves at the cheapest exit that is right, on a stream the cheapest arm. It sees labels: a bound, never ranked."""

    def choose(self, logits: Tensor, labels: Tensor, costs: Tensor) -> Tensor:
        right = (logits.argmax(-1) == labels) & ~logits.isnan().any(-1)
        return _cheapest(right, costs[:, None].expand(right.shape))

    def hindsight(self, rewards: Tensor, costs: Tensor, right: Tensor) -> Tensor:
        return _cheapest(right, costs)


def _cheapest(right: Tensor, costs: Tensor) -> Tensor:
    """The cheapest that is right, the first of equal ones; both (choices, N), the answer int64 (N,)."""
    price = costs.clone()
    price[~right] += costs.max() + 1
    return price.argmin(0)
