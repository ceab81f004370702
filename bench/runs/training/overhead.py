"""Overhead: the time of a method's training over that of the dense network."""

from __future__ import annotations

from collections.abc import Callable

from bench.kinds.exits import Exits
from bench.kinds.method import Method
from bench.network.net import Net
from bench.records.reading import Reading
from bench.runs.training.budget import Budget
from bench.runs.training.callbacks import Log
from bench.runs.training.checkpoint import random_state, set_random_state

NAME = "training.overhead"
WARM = 3
SHARE, LEAST, MOST = 0.01, 0.1, 2.0
"""The share of the training's time that one probe takes, and its bounds in seconds."""
SHORTEST = 50
"""Steps; a shorter training is not worth timing."""


class Overhead:
    """Times steps of the dense parent before and after a method trains, in the same process.

    Args:
        build: returns the dense parent, untrained.
        budget: of the method; the steps timed here do not count.
        exits: the plan that both are trained by.
    """

    def __init__(self, build: Callable[[], Net], budget: Budget, exits: Exits) -> None:
        self.build, self.budget, self.exits = build, budget, exits
        self.step_seconds: list[float] = []

    def probe(self) -> None:
        """Train a fresh dense network for a few steps, and set the random generators back."""
        if self.budget.steps < SHORTEST:
            return
        state = random_state()
        net = self.build()
        step = self._steps(net, WARM)
        seconds = min(max(SHARE * step * self.budget.steps, LEAST), MOST)
        count = self.budget.world.of_first(min(max(round(seconds / step), 5), self.budget.steps // 5))
        self.step_seconds.append(self._steps(net, count))
        set_random_state(state)

    def _steps(self, net: Net, count: int) -> float:
        """The seconds of one step, as a mean over `count`."""
        log, whole = Log(), self.budget
        loss, clock = self.exits.loss, whole.clock
        part = Budget(
            whole.data, whole.recipe, loss, whole.seed, whole.device, log, steps=count, clock=clock,
            world=whole.world, counted=False,
        )  # fmt: skip
        self.exits.fit(net, part, Method())
        return log.work / log.steps

    def reading(self, seconds: float) -> Reading | None:
        """The time of a method's whole training over the dense network's; None where that was not timed.

        Args:
            seconds: of the method's whole training, its own work between steps included.
        """
        if not self.step_seconds or self.budget.log.steps == 0:
            return None
        low, high = min(self.step_seconds), max(self.step_seconds)
        whole, clock = self.budget.steps, "wall" if self.budget.device.type != "cpu" else "processor"
        return Reading(
            value=seconds / (whole * (low + high) / 2),
            unit="x",
            source=f"{clock} seconds of training, over as many steps of the dense network timed before and after",
            low=seconds / (whole * high),
            high=seconds / (whole * low),
            n=len(self.step_seconds),
        )
