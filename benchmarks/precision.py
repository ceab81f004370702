"""What `--precision bf16-mixed` and `--compile` buy in training on this machine, over float32, in the processor's time.

    python benchmarks/precision.py [--steps 12] [--rounds 5] [--depths 8,20] [--compile]

Steps of 128 images of 3 x 32 x 32 (random ones: no data set is needed), forward, backward and update, by the budget
that runs are trained by. Ways are timed in turn after one round that nobody times; medians and quartiles are of rounds.
On a GPU both buy something else: run it there (--device cuda).
"""

import argparse
import statistics
import time

import torch

from bench import About, Backbone, Exits, Recipe, Sample, Scale, Split, assemble, choose
from bench.kinds.task import LentData
from bench.machine import processor
from bench.records.layout import Layout
from bench.runs.training.budget import Budget
from bench.runs.training.world import World

BATCH = 128


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--depths", default="8,20")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--compile", action="store_true", help="time compiled networks too")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    device = torch.device(asked.device)
    print(
        f"{processor()}, {asked.threads} thread(s), {asked.device}; seconds a step, and times less than float32"
    )
    ways = {"float32": Layout(), "bf16-mixed": Layout(precision="bf16-mixed")}
    if asked.compile:
        ways["float32, compiled"] = Layout(compiled=True)
        ways["bf16-mixed, compiled"] = Layout(precision="bf16-mixed", compiled=True)
    for depth in asked.depths.split(","):
        model = f"resnet[depth={depth}]"
        runs = {name: steps_of(model, layout, device, asked.steps) for name, layout in ways.items()}
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(asked.rounds + 1):
            for name, one in runs.items():
                spent = one()
                if number:
                    seconds[name].append(spent)
        base = statistics.median(seconds["float32"])
        for name, own in seconds.items():
            low, mid, high = statistics.quantiles(own, n=4)
            print(f"{model:18} {name:22} {mid:.3f} s ({low:.3f}-{high:.3f})  {base / mid:.2f} x")


def steps_of(model: str, layout: Layout, device: torch.device, steps: int):
    """A function that trains for so many steps, and gives the seconds of one."""
    about = About(100, Sample((3, 32, 32)), Recipe(epochs=1, batch=BATCH))
    exits = choose(Exits, "joint").plugin
    net = assemble(choose(Backbone, model).plugin, about, exits).to(device)
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randint(0, 256, (steps * BATCH, 3, 32, 32), dtype=torch.uint8, generator=generator)
    data = LentData(Split(inputs, torch.arange(steps * BATCH) % 100), Scale((0.5,) * 3, (0.25,) * 3))
    clock = time.process_time if device.type == "cpu" else time.monotonic

    def once() -> float:
        budget = Budget(data, about.recipe, exits.loss, 0, device, world=World(layout))
        begun = clock()
        budget(net)
        if device.type == "cuda":
            torch.cuda.synchronize()
        return (clock() - begun) / steps

    return once


if __name__ == "__main__":
    main()
