"""Radios: typical rates, round trips and energy of links, each number with its source; one table for all channels.

The radio's power while it sends is `watts` and so many nJ for each bit; after a transfer it stays awake for `tail_seconds`
at `tail_watts`, unless another one begins. The power models are of phones of their years: a figure of joules says which.

Sources:
  huang2012: J. Huang et al., A Close Examination of Performance and Power Characteristics of 4G LTE Networks, MobiSys 2012:
    P = alpha R + beta, tails, for 3G, LTE and Wi-Fi, on a phone of 2011.
  eshratifar2019: A. E. Eshratifar et al., JointDNN, IEEE Transactions on Mobile Computing 2019: rates of 3G, LTE and Wi-Fi
    (averages of the United States), beside the constants of huang2012.
  narayanan2021: A. Narayanan et al., A Variegated Look at 5G in the Wild, SIGCOMM 2021; medians of its speed tests (of LTE,
    round trips of 53 to 89 ms) and a least-squares fit to its published power of a whole phone: only the slope counts as the
    radio's. The length of its tail is an example of its artifact; its power is not part of it, so the tail costs nothing
    here: a lower bound.
  grigorik2013: I. Grigorik, High Performance Browser Networking, O'Reilly 2013, table 7-2: 100 to 500 ms on an active 3G
    connection; the value here is near its fast end.
  pei2016: C. Pei et al., WiFi Can Be the Weakest Link of Round Trip Network Latency in the Wild, INFOCOM 2016: the Wi-Fi hop of
    half of all packets takes more than 20 ms there and back.
  nrf52832: Nordic Semiconductor, nRF52832 Product Specification v1.4: 5.3 mA at 0 dBm and 3 V, over the rate given here.
  bluetooth5: Bluetooth Core Specification 5.0, volume 6, part B: at the physical rate of 1 Mbit/s a packet of 251 bytes, the gaps of
    150 us and the empty answer take 2.468 ms, so 244 bytes of payload pass at 0.79 Mbit/s at most; 0.7 leaves room for packets
    sent again. A request and its answer each wait for a connection event, 7.5 ms apart at least. Between events the radio sleeps.
  sx1276: Semtech, SX1276 datasheet: 29 mA at +13 dBm and 3.3 V; 5.47 kbit/s at spreading factor 7, 125 kHz, coding 4/5. A
    duty cycle of 1% (ETSI EN 300 220) makes 55 bit/s in the long run, which is the rate given here.
  lorawan: LoRa Alliance, LoRaWAN Regional Parameters: an answer comes 2 s after the request, in the second receive window
    (RECEIVE_DELAY2) of a device of class A, which sleeps afterwards; what receiving takes is not counted.
"""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from bench import Channel, Conditions

BYTES = 125_000
"""Bytes/s of 1 Mbit/s."""

RadioName = Literal["3g", "lte", "5g", "wifi", "ble", "lora"]


class Sources(NamedTuple):
    """The source of each number of a radio, by its name at the top of this file."""

    rates: str
    rtt: str
    sending: str
    tail: str


@dataclass(frozen=True)
class Radio:
    """One kind of link.

    Attributes:
        up: typical Mbit/s from the device.
        down: typical Mbit/s to it.
        rtt: ms there and back.
        watts: while it sends, beside the bits.
        nanojoules: for each bit that it sends.
        tail_seconds: awake after a transfer.
        tail_watts: meanwhile.
        sources: of these numbers.
    """

    up: float
    down: float
    rtt: float
    watts: float
    nanojoules: float
    tail_seconds: float
    tail_watts: float
    sources: Sources


RADIOS: dict[RadioName, Radio] = {
    "3g": Radio(
        1.1, 2.0275, 120, 0.81788, 868.98, 8.1, 0.803, Sources("eshratifar2019", "grigorik2013", "huang2012", "huang2012")
    ),
    "lte": Radio(
        5.85, 13.76, 55, 1.28804, 438.39, 11.576, 1.060, Sources("eshratifar2019", "narayanan2021", "huang2012", "huang2012")
    ),
    "5g": Radio(66, 91, 15, 0.0, 32.2, 10.5, 0.0, Sources(*4 * ["narayanan2021"])),
    "wifi": Radio(
        18.88, 54.97, 20, 0.13286, 283.17, 0.238, 0.1193, Sources("eshratifar2019", "pei2016", "huang2012", "huang2012")
    ),
    "ble": Radio(0.7, 0.7, 15, 0.0, 22.7, 0.0, 0.0, Sources("bluetooth5", "bluetooth5", "nrf52832", "bluetooth5")),
    "lora": Radio(5.469e-5, 5.469e-5, 2000, 0.0, 17_500, 0.0, 0.0, Sources("sx1276", "lorawan", "sx1276", "lorawan")),
}  # fmt: skip
"""By name; the 3G tail is that of the connected state alone."""

assert set(RADIOS) == set(get_args(RadioName))


class RadioChannel(Channel):
    """A channel whose energy is that of a radio."""

    radio: RadioName | None = None
    """whose energy sending costs: 3g, lte, 5g, wifi, ble or lora; none where left open"""

    def table(self, start: Any, up: Any, **columns: Any) -> Conditions:
        """Conditions with the energy of the radio.

        Args:
            start: seconds of the pieces.
            up: bytes/s, one number or one for each piece.
            columns: others of the table, as `Conditions.of` takes them.
        """
        return with_energy(None if self.radio is None else RADIOS[self.radio], start, up, **columns)


def with_energy(radio: Radio | None, start: Any, up: Any, **columns: Any) -> Conditions:
    """A table with the energy of a radio; without one, sending costs nothing."""
    if radio is None:
        return Conditions.of(start, up, **columns)
    return Conditions.of(
        np.asarray(start), up, **columns, watts=radio.watts, joules_per_byte=8e-9 * radio.nanojoules,
        tail_seconds=radio.tail_seconds, tail_watts=radio.tail_watts,
    )  # fmt: skip
