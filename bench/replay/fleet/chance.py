"""Chance of a fleet: a number for each device, request and use of it, drawn from their numbers and not from what came before.

So a fleet draws the same numbers however its time is cut into stretches, and however many servers it has. The bits are mixed as
by SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
"""

from __future__ import annotations

import math

import numpy as np

from bench.replay.streams.loop import compiled

MOMENT, SAMPLE, UP, DOWN, SERVICE, PLACE = range(6)
"""What a number is drawn for: the request's moment, its sample, repairs on both ways, its service; a device's place in its table."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_30, _27, _31, _11, _8 = (np.uint64(one) for one in (30, 27, 31, 11, 8))


@compiled
def mixed(bits):
    """64 bits, mixed."""
    bits = (bits ^ (bits >> _30)) * _FIRST
    bits = (bits ^ (bits >> _27)) * _SECOND
    return bits ^ (bits >> _31)


@compiled
def uniform(seed, device, number, use):
    """A number from 0 to 1, neither of both, for a device's request and a use of it."""
    key = mixed(mixed(np.uint64(seed) + _GOLDEN) + np.uint64(device) * _GOLDEN)
    bits = mixed(key + (np.uint64(number) * _8 + np.uint64(use) + np.uint64(1)) * _GOLDEN)
    return (float(bits >> _11) + 0.5) * 2.0**-53


@compiled
def moment(seed, device, number, before, rate, periodic):
    """The moment of a device's request, seconds.

    Args:
        seed: of the fleet.
        device: its number.
        number: of the request, from 0.
        before: the moment of the request before it; 0 for the first one.
        rate: requests a second, on the mean.
        periodic: whether they come at equal distances, the first one at random within one of these; else as a Poisson process.
    """
    if periodic:
        return (uniform(seed, device, 0, MOMENT) + number) / rate
    return before - math.log(uniform(seed, device, number, MOMENT)) / rate
