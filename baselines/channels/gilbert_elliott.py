"""A link with a good and a bad state, between which it changes at random (Gilbert 1960; Elliott 1963, Bell System Technical
Journal): losses come in bursts.

The states last for exponential times. Of all time the bad one has bad / (good + bad); the mean loss is the mean of both
states' losses, weighted so.
"""

from typing import Annotated

import numpy as np
from pydantic import Field

from baselines.channels.dwelling import switched
from baselines.channels.radios import BYTES, RadioChannel
from bench import Conditions, Positive, Share

Number = Annotated[float, Field(ge=0)]
Loss = Annotated[float, Field(ge=0, lt=1)]


class GilbertElliott(RadioChannel):
    """Good and bad times in turn, with rates and losses of their own."""

    up: Number = 6.0
    """Mbit/s from the device in good times"""
    down: Number | None = None
    """Mbit/s back in good times; as `up` where left open"""
    rtt: Number = 50.0
    """ms there and back"""
    good: Positive = 10.0
    """seconds that a good time lasts in the mean"""
    bad: Positive = 1.0
    """seconds that a bad time lasts in the mean"""
    good_loss: Loss = 0.0
    """share of packets that are lost in good times"""
    bad_loss: Loss = 0.2
    """share of packets that are lost in bad times"""
    bad_rate: Share = 0.5
    """rates in bad times, as a share of those in good ones"""

    def conditions(self, seconds: float, seed: int) -> Conditions:
        starts, states = switched(
            np.array([self.good, self.bad]), np.array([[0.0, 1], [1, 0]]), seconds, seed
        )
        up, down = (BYTES * one for one in (self.up, self.up if self.down is None else self.down))
        rate = np.array([1, self.bad_rate])[states]
        loss = np.array([self.good_loss, self.bad_loss])[states]
        return self.table(starts, up * rate, down=down * rate, delay=self.rtt / 2000, loss=loss)
