"""A link whose rate moves between a few values at random: a continuous-time Markov chain (as Wang and Moayeri, Finite-State
Markov Channel, IEEE Transactions on Vehicular Technology 1995, model fading).

It stays at a rate for an exponential time and then moves to a neighbour, either with the same chance, or to any other.
"""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from baselines.channels.dwelling import switched
from baselines.channels.radios import BYTES, RadioChannel
from bench import Conditions, Positive

Number = Annotated[float, Field(ge=0)]
Loss = Annotated[float, Field(ge=0, lt=1)]


class Markov(RadioChannel):
    """A rate that moves between a few values."""

    up: Annotated[tuple[Number, ...], Field(min_length=1, max_length=64)] = (0.5, 2.0, 6.0, 15.0)
    """Mbit/s from the device, the values that it takes"""
    down: Positive = 1.0
    """rate back, over that from the device"""
    dwell: Positive = 5.0
    """seconds that a value stays in the mean"""
    moves: Literal["neighbour", "any"] = "neighbour"
    """to which other value it moves: the next lower or higher one, or any"""
    rtt: Number = 50.0
    """ms there and back"""
    loss: Loss = 0.0
    """share of packets that are lost"""

    def conditions(self, seconds: float, seed: int) -> Conditions:
        count = len(self.up)
        starts, states = switched(np.full(count, self.dwell), self._chances(count), seconds, seed)
        up = BYTES * np.array(self.up)[states]
        return self.table(starts, up, down=self.down * up, delay=self.rtt / 2000, loss=self.loss)

    def _chances(self, count: int) -> np.ndarray:
        """The chance of each move, (from, to); a single value stays."""
        if count == 1:
            return np.ones((1, 1))
        places = np.arange(count)
        apart = np.abs(places[:, None] - places)
        moves = (apart == 1) if self.moves == "neighbour" else (apart > 0)
        return moves / moves.sum(1, keepdims=True)
