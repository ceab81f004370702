"""Seconds until Seesaw answers: `seesaw list` and `--help`, the first line of a run, and a part that is opened cold.

    python benchmarks/startup.py [--rounds 5]

Medians of interleaved processes, wall and processor: on a machine with other work only the processor's time says much.
Targets, of the processor: 1 s for looking around, PyTorch not imported; a part ready to run, its ways measured before on
this machine, 0.5 s after PyTorch and `bench` were imported; 1.5 s more than PyTorch itself until the first line of a run.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

LOOKING = (["list"], ["--help"], ["run", "--help"])

PART = """
import sys, time
import torch
from bench import Backbone, Method, Net, Sample, choose, fast
begun = time.process_time()
backbone, sample = choose(Backbone, {backbone!r}).plugin, Sample({shape})
net = Net(backbone.stages(sample), sample, 10)
net.hang(len(net.stages) - 1, backbone.head(net.shapes[-1], 10))
drawn = type("Seed", (), {{"seed": 0, "device": torch.device("cpu"), "cut": None}})()
choose(Method, "shared[density=0.125,outputs=16,nearest=true]").plugin.prepare(net.eval(), drawn)
built = time.process_time()
part, x = net.whole(), torch.zeros(1, *sample.shape)
fast(part, x)(x)
print(time.process_time() - built, "torch._dynamo" in sys.modules)
"""
"""A network with predefined weights, built as `open_part` builds it, and then its first answer."""
PARTS = {
    "lenet": (1, 28, 28),
    "resnet[depth=8]": (3, 32, 32),
    "mobilenet": (3, 32, 32),
    "resnet18": (3, 32, 32),
}

TORCH = "import torch"
FIRST = """
import sys, time
class Watched:
    def __init__(self, stream): self.stream, self.first = stream, True
    def write(self, text):
        if self.first and text.strip():
            self.first = False
            print(time.process_time(), file=sys.stderr, flush=True)
            raise SystemExit
        return self.stream.write(text)
    def __getattr__(self, name): return getattr(self.stream, name)
sys.stdout = Watched(sys.stdout)
sys.argv = ["seesaw", "run", "--task", "digits", "--model", "lenet_sparse", "--records", "records", "--runs", "runs"]
import seesaw
seesaw.main()
"""
"""A run that ends with the first line that it prints."""


def spent(words: list[str], folder: str) -> tuple[float, float, str]:
    """Seconds on the wall and of the processor that a process takes, and what it printed."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall = time.perf_counter() - begun
    own = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if done.returncode:
        raise SystemExit(done.stderr)
    return wall, own, done.stdout + done.stderr


def line(name: str, seconds: list[float], target: float, more: str = "") -> str:
    """One line of the result."""
    middle = statistics.median(seconds)
    verdict = "met" if middle <= target else "missed"
    return f"{name}: {middle:.2f} s of the processor{more} (target {target:g} s {verdict})"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    walls: dict[str, list[float]] = {}
    owns: dict[str, list[float]] = {}
    loaded: dict[str, str] = {}
    os.environ |= {"OMP_NUM_THREADS": "1", "WANDB_MODE": "disabled"}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds + 1):
            for words in LOOKING:
                wall, own, _ = spent(["-m", "seesaw", *words], folder)
                walls.setdefault(" ".join(words), []).append(wall)
                owns.setdefault(" ".join(words), []).append(own)
            first = spent(["-c", FIRST], folder)[2].split()[0]
            owns.setdefault("first", []).append(float(first) - spent(["-c", TORCH], folder)[1])
            for backbone, shape in PARTS.items():
                _, _, printed = spent(["-c", PART.format(backbone=backbone, shape=shape)], folder)
                own, compiler = printed.split()[-2:]
                loaded[backbone] = compiler
                if number:  # the first round measures the ways
                    owns.setdefault(backbone, []).append(float(own))
    for words in map(" ".join, LOOKING):
        print(line(f"seesaw {words}", owns[words], 1, f", {statistics.median(walls[words]):.2f} s in all"))
    print(line("first line of a run, beyond importing PyTorch", owns["first"], 1.5))
    for backbone in PARTS:
        more = f", PyTorch's compiler imported: {loaded[backbone]}"
        print(line(f"{backbone} opened cold", owns[backbone], 0.5, more))
    for words in LOOKING:
        code = f"import sys; sys.argv[1:] = {words!r}\nimport seesaw\ntry: seesaw.main()\nfinally: print('torch' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        print(f"seesaw {' '.join(words)} imports torch: {done.stdout.split()[-1]}")


if __name__ == "__main__":
    main()
