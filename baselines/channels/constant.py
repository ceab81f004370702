"""A link that never changes: what formulas are written for, and what recordings are held against."""

from typing import Annotated

import numpy as np
from pydantic import Field

from baselines.channels.radios import BYTES, RadioChannel
from bench import Conditions

Number = Annotated[float, Field(ge=0)]
Loss = Annotated[float, Field(ge=0, lt=1)]


class Constant(RadioChannel):
    """Rates, round trip and loss that stay as they are."""

    up: Number = 6.0
    """Mbit/s from the device to the server, from 0"""
    down: Number | None = None
    """Mbit/s back; as `up` where left open"""
    rtt: Number = 0.0
    """ms there and back"""
    loss: Loss = 0.0
    """share of packets that are lost, below 1"""

    def conditions(self, seconds: float, seed: int) -> Conditions:
        up, down = (BYTES * one for one in (self.up, self.up if self.down is None else self.down))
        return self.table(np.zeros(1), up, down=down, delay=self.rtt / 2000, loss=self.loss)
