"""Seconds of simulating a fleet, from a thousand to a million devices, and how far its waiting is off the closed forms.

    python benchmarks/fleets.py > benchmarks/fleets.md
    python benchmarks/fleets.py --sizes 10000 100000 1000000 --asks 2    # linearity alone, in seconds

Each fleet asks ten times a device, sends 20 kB over LTE and is served by as many servers as its load needs and a few more; each has its
line in a process of its own, as memory is the most that it held. Below: M/M/1, M/D/1 and M/M/S beside Erlang's and Pollaczek's formulas.
"""

import argparse
import math
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from bench import Channel, choose
from bench.boards.units import seconds as in_seconds
from bench.kinds.channel import Conditions
from bench.machine import processor
from bench.replay.fleet.fleet import SPARE, Fleet, plain_work, shared_out
from bench.replay.fleet.simulate import simulate
from bench.replay.fleet.theory import mean_wait

SECONDS, RATE, SERVICE = 100.0, 0.1, 0.004
SIZES = (1_000, 10_000, 100_000, 1_000_000)
LEAST = 10_000
"""Devices of a fleet whose seconds are more than a clock's error."""


def fleet(size: int, seconds: float) -> Fleet:
    table = choose(Channel, "lte").plugin.conditions(seconds + 600 + SPARE, 0)
    return Fleet(
        shared_out(size, [table], [plain_work(0.02, 20_000, SERVICE)]),
        RATE,
        seconds,
        deadline=0.5,
        spread=600.0,
    )


def line(size: int, asks: float) -> None:
    """Simulate one fleet and print its row, and below it the seconds of the processor."""
    load = size * RATE * SERVICE
    servers = math.ceil(load + 2 * math.sqrt(load))
    simulate(fleet(50, 20.0), 1)  # compiles
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    of, begun, used = fleet(size, asks / RATE), time.perf_counter(), time.process_time()
    made = simulate(of, servers)
    taken, spent = time.perf_counter() - begun, time.process_time() - used
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(
        f"| {size:,} | {made.requests:,} | {servers} | {taken:.2f} s | {spent:.2f} s | {1e9 * spent / made.requests:.0f} ns | {more:.0f} MB | "
        f"{100 * made.miss:.2f}% |"
    )
    print(spent)


def grown(points: Sequence[tuple[int, float]]) -> str:
    """How the seconds grow with the devices: the exponent of a power of them, which is 1 where they are linear."""
    devices, seconds = np.log(np.array(points)).T
    slope = np.polyfit(devices, seconds, 1)[0]
    steps = ", ".join(
        f"{other / one:.1f} x the seconds for {n / m:.0f} x the devices"
        for (m, one), (n, other) in pairwise(points)
    )
    return (
        f"From {points[0][0]:,} devices on: {steps}. Seconds grow as the devices to the power of {slope:.2f}."
    )


def forms() -> None:
    """Print what closed forms and simulated fleets have."""
    print(
        "\n| queue | servers | load | waiting by the formula | simulated | off |\n|---|--:|--:|--:|--:|--:|"
    )
    fast = Conditions.of(np.zeros(1), np.array([1e12]))
    for name, kind, servers, load in (
        ("M/M/1", "exponential", 1, 0.5), ("M/M/1", "exponential", 1, 0.8), ("M/D/1", "constant", 1, 0.5), ("M/D/1", "constant", 1, 0.8),
        ("M/M/S", "exponential", 4, 3.2), ("M/M/S", "exponential", 40, 36.0),
    ):  # fmt: skip
        service = load / 100
        of = Fleet(
            shared_out(1000, [fast], [plain_work(0.0, 0.0, service)]), 0.1, 20_000.0, warm=200.0, service=kind
        )
        made, formula = (
            simulate(of, servers).steps[5],
            mean_wait(100, service, servers, kind == "exponential"),
        )
        print(
            f"| {name} | {servers} | {load:g} | {in_seconds(formula)} | {in_seconds(made)} | {100 * (made / formula - 1):+.1f}% |"
        )


def main() -> None:
    """Time and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--sizes", type=int, nargs="+", help="devices, for a fleet each; without the closed forms"
    )
    parser.add_argument(
        "--asks", type=float, default=SECONDS * RATE, help="requests of each device, on the mean"
    )
    parser.add_argument("--one", type=int, help="simulate one fleet in this process")
    asked = parser.parse_args()
    if asked.one:
        line(asked.one, asked.asks)
        return
    print("# Fleets\n")
    print(
        f"Made by `benchmarks/fleets.py` on {processor()}, one thread. Each device asks {asked.asks:g} times, sends 20 kB over LTE, and has "
        f"an answer in time within 500 ms. *Memory*: beyond that of a fleet of 50.\n"
    )
    print(
        "| devices | requests | servers | seconds | of the processor | a request | memory | late |\n|--:|--:|--:|--:|--:|--:|--:|--:|"
    )
    points = []
    for size in asked.sizes or SIZES:
        words = [sys.executable, __file__, "--one", str(size), "--asks", str(asked.asks)]
        row, numbers = subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()
        print(row, flush=True)
        points.append((size, float(numbers)))
    if len(large := [one for one in points if one[0] >= LEAST]) > 1:
        print("\n" + grown(large))
    if not asked.sizes:
        forms()


if __name__ == "__main__":
    main()
