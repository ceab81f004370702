"""A link as somebody measured it: bandwidth over time from a file, in one of the layouts of public collections.

The default is an excerpt of rides in Oslo (Riiser et al., Commute Path Bandwidth Traces from 3G Networks, ACM MMSys 2013),
which lies here: `norway-tram`, `norway-bus` and `norway-train`. Recordings of what a phone received stand for both ways
unless the other one's rate is given: few have measured the way up.
"""

import hashlib
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from baselines.channels.layouts import Recorded, read_recording
from baselines.channels.radios import BYTES, RadioChannel
from bench import Conditions, Positive, SeesawError, hold_plain

HERE = Path(__file__).parent / "recordings"
Number = Annotated[float, Field(ge=0)]
Loss = Annotated[float, Field(ge=0, lt=1)]


class Recording(RadioChannel):
    """Bandwidth over time from a file; behind its end it begins anew."""

    file: str = "norway-tram"
    """its path, or one that lies here: norway-tram, norway-bus, norway-train"""
    down: Positive | None = None
    """Mbit/s of the way back; that of the file where left open"""
    rtt: Number = 50.0
    """ms there and back"""
    loss: Loss = 0.0
    """share of packets that are lost"""
    rates: Positive = 1.0
    """times which the file's rates are taken"""
    start: Number = 0.0
    """seconds of the file at which to begin"""

    @property
    def path(self) -> Path:
        """The file, wherever it lies."""
        own = HERE / f"{self.file}.csv"
        return own if own.parent == HERE and own.is_file() else Path(self.file).expanduser()

    def identity(self) -> dict[str, Any]:
        """The digest of the file: its path says little on another machine."""
        try:
            hold_plain(self.path)
            return {"sha256": hashlib.sha256(self.path.read_bytes()).hexdigest()}
        except OSError as error:
            raise SeesawError(
                f"The recording {self.path} cannot be read ({error.strerror}). Name another file."
            ) from error

    def conditions(self, seconds: float, seed: int) -> Conditions:
        recorded = read_recording(self.path)
        begins = self.start % recorded.lasts
        rounds = (
            (begins + seconds) / recorded.lasts if len(recorded.seconds) > 1 else 0.0
        )  # one rate never changes
        if rounds * len(recorded.seconds) > 1 << 22:
            raise SeesawError(
                f"{self.path} lasts {recorded.lasts:g} s and would be repeated {rounds:.3g} times. Ask for less time, or give a "
                "longer recording."
            )
        rounds = int(np.ceil(rounds)) + 1
        starts = (np.arange(rounds)[:, None] * recorded.lasts + recorded.seconds).reshape(-1) - begins
        first = np.searchsorted(starts, 0, side="right") - 1
        last = np.searchsorted(starts, seconds, side="right")
        starts = np.maximum(starts[first:last], 0.0)
        up, down = (self.rates * BYTES * np.tile(one, rounds)[first:last] for one in _ways(recorded))
        if self.down is not None:
            down = np.full(len(starts), BYTES * self.down)
        return self.table(starts, up, down=down, delay=self.rtt / 2000, loss=self.loss)


def _ways(recorded: Recorded) -> tuple[np.ndarray, np.ndarray]:
    """The rates of the way up and of the way back."""
    return recorded.rate, recorded.rate if recorded.down is None else recorded.down
