"""Deciding who leaves, in processor time: a walk in one native call beside the same walk from exit to exit in Python.

    python benchmarks/deciding.py [--rounds 7] [--only mlp]

One sample, one thread, random weights, 12.5% of them. "Stretches" is the network from exit to exit, without deciding: the same
chains, called from Python. Walks decide at every exit and nobody leaves before the last one, so that what a decision costs is
the difference over the early exits. "Heads" is what the early heads cost: the network beside itself without them. "First" leaves
at the first exit. Everything is called in turn, round by round; the shortest of the rounds counts, as other programs only add.
"""

import argparse
import time
from collections.abc import Callable

import torch
from rich import box
from rich.console import Console
from rich.table import Table
from torch import Tensor

from bench import (
    About,
    Backbone,
    Exits,
    Method,
    Net,
    Policy,
    Recipe,
    Sample,
    Walker,
    assemble,
    choose,
    conditions,
    leaves_now,
    why_no_kernels,
    without_early_exits,
)
from bench.execution.backends import chained
from bench.network.walk import walk

SEED = type("Seed", (), {"seed": 0, "device": torch.device("cpu"), "cut": None})()
NETWORKS = {
    "mlp": ("mlp[widths=1024:1024]", Sample((1, 28, 28))),
    "lenet": ("lenet", Sample((1, 28, 28))),
    "resnet8": ("resnet[depth=8]", Sample((3, 32, 32))),
}
POLICIES = ("confidence", "entropy", "margin", "patience", "gates")
CALLS = 40
"""Samples for one timing."""


def network(spec: str, sample: Sample) -> Net:
    """A network with three exits or as many as it has places, of which 12.5% of the weights exist."""
    about = About(10, sample, Recipe(epochs=1, batch=1))
    net = assemble(choose(Backbone, spec).plugin, about, choose(Exits, "joint").plugin)
    choose(Method, "shared[density=0.125,outputs=16,nearest=true]").plugin.prepare(net, SEED)
    return net.eval()


def jobs_of(net: Net, x: Tensor) -> dict[str, Callable[[], object]]:
    """Everything that is called, by name."""
    walker = Walker(net, x, [1])
    runs, now = [], x
    for part in net.stretches():
        runs.append(chained(part, now, lanes=1))
        now = part.run(now)[0]
    walker.runs[1] = runs
    whole = without_early_exits(net).whole()
    alone = chained(whole, x, lanes=1)

    def stretches() -> None:
        now = x
        for run in runs:
            now = run(now)[0]

    jobs: dict[str, Callable[[], object]] = {"stretches": stretches, "without heads": lambda: alone(x)}
    calibration = torch.randn(len(runs), 200, 10)
    for spec in POLICIES:
        policy = choose(Policy, spec).plugin
        states = policy.learn(calibration, torch.arange(200) % 10, torch.arange(1.0, len(runs) + 1), 5)
        state = states[0]
        if "thresholds" in state:
            state = {"thresholds": torch.full((len(runs),), torch.inf)}
        leave = leaves_now(policy, state)
        jobs[f"{spec}, Python"] = lambda leave=leave: walk(runs, x, leave)
        jobs[f"{spec}, native"] = lambda leave=leave: walker(x, leave)
    first = leaves_now(
        choose(Policy, "confidence").plugin, {"thresholds": torch.full((len(runs),), -torch.inf)}
    )
    jobs["first, Python"] = lambda: walk(runs, x, first)
    jobs["first, native"] = lambda: walker(x, first)
    return jobs


def measured(jobs: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Microseconds of the processor for one call of each job, at least."""
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            job()
            begun = time.process_time()
            for _ in range(CALLS):
                job()
            taken[name].append((time.process_time() - begun) / CALLS * 1e6)
    return {name: min(times) for name, times in taken.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="", help="part of the names of networks")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if (reason := why_no_kernels()) is not None:
        raise SystemExit(f"There are no native kernels: {reason}.")
    here = conditions(torch.device("cpu"))
    print(f"{here['processor']}, torch {torch.__version__}, one thread, microseconds of the processor\n")
    table = Table("network", "exits", "stretches", "heads", "policy", "Python, an exit", "native, an exit", box=box.MARKDOWN)  # fmt: skip
    for name, (spec, sample) in NETWORKS.items():
        if asked.only not in name:
            continue
        net = network(spec, sample)
        with torch.no_grad():
            took = measured(jobs_of(net, torch.randn(1, *sample.shape)), asked.rounds)
        early = len(net.exits) - 1
        heads = took["stretches"] - took["without heads"]
        for policy in POLICIES:
            each = [(took[f"{policy}, {by}"] - took["stretches"]) / early for by in ("Python", "native")]
            table.add_row(name, str(early + 1), f"{took['stretches']:.1f}", f"{heads:.1f}", policy, *(f"{one:.1f}" for one in each))  # fmt: skip
        table.add_row(name, "1", "", "", "first", f"{took['first, Python']:.1f} in all", f"{took['first, native']:.1f} in all")  # fmt: skip
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
