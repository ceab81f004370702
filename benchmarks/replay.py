"""Seconds for a curve of 100 thresholds of each policy from a stored trace of 10,000 samples.

    python benchmarks/replay.py [--rounds 5] [--classes 100]

Target: 1 s each, reading the trace included, and 3 s for those that learn; all of them in 10 s. The trace is random:
3 exits, with a calibration split of 5,000 samples.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch

from bench import Policy, Trace, choose, curve, decides_alone, plugin_names


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--classes", type=int, default=100)
    asked = parser.parse_args()
    rounds, classes, whole = asked.rounds, asked.classes, 0.0
    costs = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "test.safetensors"
        Trace(torch.randn(3, 10_000, classes), torch.randint(classes, (10_000,)), costs).save(path)
        calibration = Trace(torch.randn(3, 5_000, classes), torch.randint(classes, (5_000,)), costs)
        for name in plugin_names("policy"):
            policy, found = choose(Policy, name).plugin, []
            if not decides_alone(policy):
                continue
            for _ in range(rounds):
                start = time.perf_counter()
                points = curve(policy, calibration, Trace.load(path), 100)
                found.append(time.perf_counter() - start)
            middle = statistics.median(found)
            whole += middle
            told(f"{name}, {len(points)} points", middle, 1 if type(policy).learn is Policy.learn else 3)
    told("all", whole, 10)


def told(what: str, seconds: float, target: float) -> None:
    print(f"{what}: {seconds:.3f} s (target {target:g} s {'met' if seconds <= target else 'missed'})")


if __name__ == "__main__":
    main()
