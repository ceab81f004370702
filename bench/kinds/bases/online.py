"""Online policies: learn from a stream of samples, without labels, at which arm each should leave."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from bench.kinds.policy import Policy, Reference
from bench.plugins.plugin import Positive, Share
from bench.records.terms import Arms, Prices, Terms


class Rule(Policy):
    """The contract: `index` ranks an arm, `update` lets it learn a reward. Labels are never seen.

    For every sample, before anything of it is seen, the arm of the largest index is played; of equal ones the
    shallowest. `index`, `update` and `forget` are compiled: they take numbers and records of numbers, use
    `math` and nothing else, and work the same as plain Python. `arm` holds the numbers that `memory` names,
    all zero at first; `own` holds the settings, and the terms of the game (`Online`).
    """

    side: ClassVar[bool] = False
    """Whether every exit on the way is evaluated and paid for; then each of those arms learns its reward too."""

    memory: ClassVar[tuple[str, ...]] = ("plays", "total")
    """The numbers that are kept for each arm."""

    @staticmethod
    def index(arm: Any, own: Any, t: int, luck: float, rng: np.random.Generator) -> float:
        """How promising an arm is; infinity where it must be tried.

        Args:
            arm: the numbers in its memory, `arm.plays` and so on.
            own: the settings, `own.c` and so on.
            t: how many samples have passed.
            luck: a number drawn uniformly from 0 to 1 for this sample, the same for every arm.
            rng: for more, drawn for each arm anew: `rng.random()`, `rng.standard_normal()`.
        """
        raise NotImplementedError("A policy on a stream must define index(arm, own, t, luck, rng)")

    @staticmethod
    def update(arm: Any, own: Any, t: int, reward: float) -> None:
        """Learn a reward: change `arm` in place. The default counts plays and adds up rewards."""
        arm.plays += 1
        arm.total += reward

    @staticmethod
    def forget(arm: Any, own: Any, t: int, reward: float) -> None:
        """Undo `update` for a reward that was learnt `remembers()` samples ago."""
        arm.plays -= 1
        arm.total -= reward

    def remembers(self) -> int | None:
        """For how many samples a reward counts; None where it counts for ever."""
        return None

    def assumes(self) -> bool:
        """Whether arms on the way learn the reward of sending on, though nothing was sent."""
        return True


class Online(Rule):
    """A rule with the terms of its game: the formulas of the reward and of the booked cost.

    The device computes up to the arm's exit. Where that exit's confidence reaches `alpha`, and at the last
    exit, the answer stands. Else the sample is sent on, and the last exit answers. With C_i the confidence at
    arm i, C_L the last exit's, and d_i the layers up to arm i (1, 2, 3, ... where nothing was measured):

        reward   C_i - mu * layer * d_i                 where the answer stands
                 C_L - mu * (offload + layer * d_i)     where the sample is sent on
        booked   layer * ((1 - head) * d_i + head * h_i), and + offload where it is sent on

    Reward and bill differ on purpose (Bajpai et al., SplitEE, AIMLSystems 2023, and its code): the reward
    charges a whole `layer` for each, the bill charges a `head` only where it is evaluated: h_i = 1, or i where
    `side`. Measured costs have the heads on the way in them, and are booked as they are.
    """

    alpha: Share = 0.7
    """confidence from which the device's answer stands"""

    layer: Positive = 0.1
    """cost of computing one layer: the paper's lambda"""

    offload: Annotated[float, Field(ge=0)] = 0.5
    """cost of sending a sample on: the paper's o"""

    mu: Positive = 1.0
    """weight of a unit of cost in the reward, beside confidence"""

    head: Share = 0.2
    """share of a layer's cost that is its exit's, booked only where that is evaluated; none of measured costs"""

    start: Literal["free", "booked"] = "free"
    """free: every arm learns from one of the first samples beforehand, unbooked, as the published code has it"""

    @property
    def terms(self) -> Terms:
        """The terms that policies must share to be compared."""
        return Terms(self.alpha, self.layer, self.offload, self.mu)

    def prices(self, arms: Arms, *, side: bool) -> Prices:
        """The cost of each arm in the reward and on the bill, by the formulas above."""
        return self.terms.prices(arms, self.head, side=side)


def plays_streams(policy: Policy) -> bool:
    """Whether a policy plays a stream: it has an `index`, or a reference's `hindsight`."""
    if isinstance(policy, Reference):
        return type(policy).hindsight is not Reference.hindsight
    return isinstance(policy, Rule) and type(policy).index is not Rule.index
