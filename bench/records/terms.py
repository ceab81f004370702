"""Terms: what policies on a stream share, so that they can be compared: what a reward is, and what is booked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


@dataclass(frozen=True)
class Arms:
    """What can be played, from the shallowest: an arm is an exit, or a cut, where the device's part may end.

    Attributes:
        exits: the exit whose confidence decides, int64 (arms,); -1 where there is none and every sample is sent on.
        depths: what the device computes until there, in layers or any other unit, float64 (arms,).
        sends: what sending costs there, as a multiple of the setting `offload`, float64 (arms,).
        measured: whether `depths` were measured, with the heads on the way in them.
    """

    exits: np.ndarray
    depths: np.ndarray
    sends: np.ndarray
    measured: bool = False


class Prices(NamedTuple):
    """What each arm costs, float64 (arms,): `compute` and `send` in the reward, the other two on the bill."""

    compute: np.ndarray
    send: np.ndarray
    booked: np.ndarray
    booked_send: np.ndarray


ALL_LAYERS, EARLY_EXIT = "(a) all layers", "(b) early exit"
"""What every policy is held against: (a) the whole network on the device, and (b) leaving at the first sure exit."""


class Terms(NamedTuple):
    """What policies must share to be compared: their settings that say what a reward is."""

    alpha: float
    layer: float
    offload: float
    mu: float

    def prices(self, arms: Arms, head: float, *, side: bool) -> Prices:
        """What each arm costs in the reward and on the bill, by the formulas of `bench.Online`.

        Args:
            arms: what can be played.
            head: share of a layer's cost that is its exit's.
            side: whether every exit on the way is evaluated, and paid for.
        """
        compute = self.layer * arms.depths
        heads = np.where(arms.exits < 0, 0, arms.exits + 1 if side else 1)
        booked = compute if arms.measured else (1 - head) * compute + head * self.layer * heads
        send = self.offload * arms.sends
        return Prices(self.mu * compute, self.mu * send, booked, send)


BASELINES = (ALL_LAYERS, EARLY_EXIT)
HEAD = 0.2
"""Share of a layer's cost that is its exit's, where no policy says otherwise: the default of `bench.Online`."""


def rising(costs: np.ndarray, exits: int) -> bool:
    """Whether these are finite costs of so many exits, each above 0 and none less than the one before."""
    return (
        costs.shape == (exits,)
        and bool(np.isfinite(costs).all())
        and costs[0] > 0
        and bool((np.diff(costs) >= 0).all())
    )
