"""Terms that policies on a stream must share to be compared: the reward, and the bill."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


@dataclass(frozen=True)
class Arms:
    """The arms of a stream, from the shallowest: an arm is an exit, or a cut where the device's part may end.

    Attributes:
        exits: the exit whose confidence decides, int64 (arms,); -1 where there is none and every sample is sent on.
        depths: cost of the device's part up to there, in layers or any other unit, float64 (arms,).
        sends: cost of sending there, as a multiple of the setting `offload`, float64 (arms,).
        measured: whether `depths` were measured, with the heads on the way in them.
    """

    exits: np.ndarray
    depths: np.ndarray
    sends: np.ndarray
    measured: bool = False


class Prices(NamedTuple):
    """Prices of arms, float64 (arms,): `compute` and `send` in the reward, the other two on the bill."""

    compute: np.ndarray
    send: np.ndarray
    booked: np.ndarray
    booked_send: np.ndarray


ALL_LAYERS, EARLY_EXIT = "(a) all layers", "(b) early exit"
"""The baselines: (a) the whole network on the device, and (b) leaving at the first sure exit."""


class Terms(NamedTuple):
    """The settings of policies that define a reward; policies must share them to be compared."""

    alpha: float
    layer: float
    offload: float
    mu: float

    def prices(self, arms: Arms, head: float, *, side: bool) -> Prices:
        """The prices of the arms in the reward and on the bill, by the formulas of `bench.Online`.

        Args:
            arms: of the stream.
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
"""Share of a layer's cost that is its exit's, where no policy sets another: the default of `bench.Online`."""


def rising(costs: np.ndarray, exits: int) -> bool:
    """Whether these are finite costs of so many exits, each above 0 and none less than the one before."""
    return (
        costs.shape == (exits,)
        and bool(np.isfinite(costs).all())
        and costs[0] > 0
        and bool((np.diff(costs) >= 0).all())
    )
