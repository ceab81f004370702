"""Seconds until `seesaw list` and `seesaw --help` are back: medians of interleaved runs, and whether torch loads.

    python benchmarks/startup.py [--rounds 9]

Target: 1 s each on two cores, torch not imported.
"""

import argparse
import statistics
import subprocess
import sys
import time

COMMANDS = (["list"], ["--help"], ["run", "--help"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    times: dict[str, list[float]] = {" ".join(words): [] for words in COMMANDS}
    for _ in range(rounds):
        for words in COMMANDS:
            start = time.perf_counter()
            subprocess.run([sys.executable, "-m", "seesaw", *words], check=True, stdout=subprocess.DEVNULL)
            times[" ".join(words)].append(time.perf_counter() - start)
    for name, found in times.items():
        middle = statistics.median(found)
        print(
            f"seesaw {name}: {middle:.2f} s, median of {rounds} (target 1 s {'met' if middle <= 1 else 'missed'})"
        )
    for words in COMMANDS:
        code = f"import sys; sys.argv[1:] = {words!r}\nimport seesaw\ntry: seesaw.main()\nfinally: print('torch' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        print(f"seesaw {' '.join(words)} imports torch: {done.stdout.split()[-1]}")


if __name__ == "__main__":
    main()
