"""Links of every day with typical rates, round trips and radio energy; `radios.py` has the table and its sources."""

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from baselines.channels.radios import BYTES, RADIOS, RadioName, with_energy
from bench import Channel, Conditions, Positive

Rate = Annotated[float, Field(ge=0)]
Loss = Annotated[float, Field(ge=0, lt=1)]


class Preset(Channel):
    """A link with the typical numbers of its radio, and its energy."""

    radio: ClassVar[RadioName]

    up: Rate | None = None
    """Mbit/s from the device; the radio's typical one where left open"""
    down: Rate | None = None
    """Mbit/s to the device; the radio's typical one where left open"""
    rtt: Rate | None = None
    """ms there and back; the radio's typical ones where left open"""
    loss: Loss = 0.0
    """share of packets that are lost"""
    rates: Positive = 1.0
    """times which both rates are taken, as on a better or worse day"""

    def conditions(self, seconds: float, seed: int) -> Conditions:
        radio = RADIOS[self.radio]
        up, down, rtt = (
            usual if own is None else own
            for own, usual in ((self.up, radio.up), (self.down, radio.down), (self.rtt, radio.rtt))
        )
        scale = BYTES * self.rates
        return with_energy(
            radio, np.zeros(1), scale * up, down=scale * down, delay=rtt / 2000, loss=self.loss
        )


class ThreeG(Preset):
    """A 3G link: 1.1 Mbit/s up, 2.0 down, 120 ms."""

    radio: ClassVar[RadioName] = "3g"


class Lte(Preset):
    """An LTE link: 5.85 Mbit/s up, 13.8 down, 55 ms; its radio stays awake for 11.6 s."""

    radio: ClassVar[RadioName] = "lte"


class FiveG(Preset):
    """A 5G link in a low band: 66 Mbit/s up, 91 down, 15 ms; its energy is what bits cost alone."""

    radio: ClassVar[RadioName] = "5g"


class Wifi(Preset):
    """A Wi-Fi link: 18.9 Mbit/s up, 55 down, 20 ms."""

    radio: ClassVar[RadioName] = "wifi"


class Ble(Preset):
    """A Bluetooth Low Energy link: 0.7 Mbit/s, 15 ms."""

    radio: ClassVar[RadioName] = "ble"


class Lora(Preset):
    """A LoRa link at a duty cycle of 1%: 55 bit/s in the long run, 2 s."""

    radio: ClassVar[RadioName] = "lora"
