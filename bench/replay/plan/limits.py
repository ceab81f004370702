"""Limits: what a user may spend and needs, and amounts with their units as text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from bench.errors import SeesawError

SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
BYTES = {"B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30}
JOULES = {"J": 1.0, "mJ": 1e-3, "uJ": 1e-6, "nJ": 1e-9}
SHARE = {"%": 0.01, "": 1.0}
_AMOUNT = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?|\.[0-9]+)\s*([^0-9.\s]*)\s*")

Prefer = Literal["accuracy", "latency", "energy", "device-bytes", "sent"]


@dataclass(frozen=True)
class Limits:
    """What an answer must keep to; None where anything goes.

    Attributes:
        latency: seconds from a request to its answer, all waiting included.
        miss: share of the requests that may take longer.
        device_bytes: of the packed weights on the device.
        energy: joules of the device for a request, computing and radio, mean.
        accuracy: share of right answers, mean.
    """

    latency: float | None = None
    miss: float = 0.01
    device_bytes: float | None = None
    energy: float | None = None
    accuracy: float | None = None

    def __post_init__(self) -> None:
        for name, one in (("--min-accuracy", self.accuracy), ("--deadline-miss", self.miss)):
            if one is not None and not 0 <= one <= 1:
                raise SeesawError(f"{name} is a share from 0 to 1, and {one:g} is none. Write 0.9 or 90%.")


def amount(text: str, units: dict[str, float], option: str) -> float:
    """A number with its unit, in the unit without a prefix: `50ms` in seconds gives 0.05.

    Args:
        text: as a user wrote it.
        units: factors by unit; `""` where a bare number is one too.
        option: that it was written for.

    Raises:
        SeesawError: no number, no unit, or another unit.
    """
    names = [one for one in units if one]
    example = next(iter(names)) if "%" in names else names[1]
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise SeesawError(
            f"{option} {text!r} is no number from 0 with a unit. Write for example {option} 5{example}."
        )
    number, unit = float(found[1]), found[2]
    if unit in units:
        return number * units[unit]
    alike = [one for one in names if one.lower() == unit.lower()]
    if not unit:
        raise SeesawError(
            f"{option} {text!r} has no unit. Write one of {', '.join(names)} behind the number: {option} {found[1]}{example}."
        )
    meant = f" Did you mean {found[1]}{alike[0]}?" if len(alike) == 1 else ""
    raise SeesawError(f"{option} {text!r}: {unit!r} is no unit of it.{meant} Choose {', '.join(names)}.")
