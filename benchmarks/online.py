"""Seconds for the sweep of the SplitEE paper, compiled and on threads, beside the plain loop in one process.

    python benchmarks/online.py [--samples 100000] [--shuffles 20] [--plain 5000]

20 reshufflings x 11 costs of sending on x a stream of 100,000 samples x 12 exits, SplitEE-S, (a) and (b) with it. Target:
10 s on two cores. Then a million samples, read from a file, once: a minute. The plain loop plays fewer samples, and must
decide as the compiled one does. The matrix is random; what it holds does not matter for the time.
"""

import argparse
import math
import os
import random
import tempfile
import time
from pathlib import Path

import numpy as np
import threadpoolctl
import torch

from bench import Policy, Stream, Sweep, choose, entrants, play_stream, read_stream

OFFLOADS = {"offload": [f"{0.1 + 0.05 * step:g}" for step in range(11)]}


def stream(samples: int, exits: int = 12) -> Stream:
    """Confidence grows with depth."""
    rng = np.random.default_rng(0)
    confidences = np.clip(rng.normal(np.linspace(0.6, 0.9, exits), 0.15, (samples, exits)), 0, 1)
    return Stream(confidences, rng.random((samples, exits)) < confidences)


def plain(rows: list[list[float]], alpha: float, layer: float, offload: float) -> list[int]:
    """SplitEE-S in one Python loop, as straightforward as the paper's description of it."""
    last = len(rows[0]) - 1

    def reward(row: list[float], arm: int) -> float:
        stands = arm == last or row[arm] >= alpha
        return (row[arm] if stands else row[last] - offload) - layer * (arm + 1)

    totals, plays = [reward(rows[arm], arm) for arm in range(last + 1)], [1] * (last + 1)
    chosen = []
    for trial, row in enumerate(rows):
        best, highest = -1, -math.inf
        for arm in range(last + 1):
            value = totals[arm] / plays[arm] + math.sqrt(math.log(trial + 1) / plays[arm])
            if value > highest:
                best, highest = arm, value
        for arm in range(best + 1):
            totals[arm] += reward(row, arm)
            plays[arm] += 1
        chosen.append(best)
    return chosen


def openmp() -> list[str]:
    """The OpenMP libraries that this process has loaded."""
    return sorted(
        {Path(one["filepath"]).name for one in threadpoolctl.threadpool_info() if one["user_api"] == "openmp"}
    )


def swept(given: Stream, shuffles: int, offloads: dict[str, list[str]]) -> tuple[float, float]:
    """Seconds for SplitEE-S, (a) and (b), and seconds of processor time, which a busy machine leaves alone."""
    found = entrants(["splitee-s"], offloads)
    policies = [(name, policy) for (name, _), policy in found.online.items()]
    start = time.perf_counter(), time.process_time()
    Sweep(given, given.arms(), policies, (), shuffles).run()
    return time.perf_counter() - start[0], time.process_time() - start[1]


def told(what: str, seconds: float, target: float) -> None:
    print(f"{what}: {seconds:.1f} s (target {target:g} s {'met' if seconds <= target else 'missed'})")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--shuffles", type=int, default=20)
    parser.add_argument("--plain", type=int, default=5_000)
    options = parser.parse_args()
    torch.randn(9, 9) @ torch.randn(9, 9)
    before = openmp()
    start = time.perf_counter()
    swept(stream(100), 1, {})
    print(f"compiled, or read from the cache: {time.perf_counter() - start:.1f} s")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; OpenMP {before}, after {openmp()}")
    given = stream(options.samples)
    count = len(OFFLOADS["offload"])
    seconds, busy = swept(given, options.shuffles, OFFLOADS)
    told(
        f"{options.shuffles} reshufflings x {count} costs x {options.samples:,} samples x 12 exits",
        seconds,
        10,
    )
    print(f"  of processor time {busy:.1f} s, to be shared by the cores")
    policy = choose(Policy, "splitee-s").plugin
    few = Stream(given.confidences[: options.plain], given.right[: options.plain])
    rows = few.confidences.tolist()
    start = time.perf_counter()
    decided = plain(rows, policy.alpha, policy.layer, policy.offload)
    whole = (time.perf_counter() - start) / options.plain * options.samples * options.shuffles * count
    same = (
        decided
        == play_stream(policy, few, few.arms(), np.random.default_rng(random.randrange(2**32))).arms.tolist()
    )
    print(
        f"the plain loop: {options.plain:,} samples, {'the same' if same else 'OTHER'} decisions; the sweep would take "
        f"{whole / 60:.1f} min, {whole / seconds:.0f} x as long"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "million.npz"
        million = stream(1_000_000)
        answers = million.right.astype(np.int64)
        np.savez(
            path, confidences=million.confidences, predictions=answers, labels=np.ones(len(million), np.int64)
        )
        del million, answers
        start = time.perf_counter()
        found, _ = read_stream(path)
        swept(found, options.shuffles, {})
        told(
            f"{len(found):,} samples, read and {options.shuffles} times reshuffled",
            time.perf_counter() - start,
            60,
        )


if __name__ == "__main__":
    main()
