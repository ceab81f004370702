"""Seconds for a curve of 100 thresholds of each policy from a stored trace of 10,000 samples.

    python benchmarks/replay.py [--rounds 5]

Target: 1 s each, reading the trace included. The trace is random: 3 exits, 100 classes.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch

from bench import Policy, Trace
from bench.plugin import choose, entries
from bench.replay.curve import curve


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    costs = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "test.safetensors"
        Trace(torch.randn(3, 10_000, 100), torch.randint(100, (10_000,)), costs).save(path)
        calibration = Trace(torch.randn(3, 5_000, 100), torch.randint(100, (5_000,)), costs)
        for name in entries("policy"):
            policy, found = choose(Policy, name).plugin, []
            for _ in range(rounds):
                start = time.perf_counter()
                points = curve(policy, calibration, Trace.load(path), 100)
                found.append(time.perf_counter() - start)
            middle = statistics.median(found)
            print(
                f"{name}: {middle:.3f} s for {len(points)} points (target 1 s {'met' if middle <= 1 else 'missed'})"
            )


if __name__ == "__main__":
    main()
