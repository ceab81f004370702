"""A board of device code: accuracy beside flash, RAM and instructions of int8 code, exits taken, of records on three tasks.

    python benchmarks/device_board.py [--board cortex-m4] [--tasks digits,mnist,fashion-mnist] [--out benchmarks/device_board.md]

Accuracies and the shares of the test split that leave at each exit are the records' (float32); instructions to each exit, flash and
RAM are those of the same network's int8 code in emulation. Weights are drawn, since records hold none: what code takes follows
from shapes and masks, but for a few instructions. A predefined mask is that of the record's seed, a pruned one is drawn with as many
weights in each layer as the record says. Needs gcc-arm-none-eabi, libnewlib-arm-none-eabi and qemu-system-arm.
"""

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch

from bench import (
    Backbone,
    Exits,
    Method,
    Net,
    Predefined,
    RunRequest,
    Task,
    choose,
    hide,
    load,
    maskable,
)
from bench.kinds.build import untrained
from bench.kinds.policy import FORMULAS
from bench.plugins.plugin import entries
from bench.plugins.spec import split_model
from bench.records.record import Record
from bench.shipping.c.boards import BOARDS, Board, board_of
from bench.shipping.c.code import code_of
from bench.shipping.c.emulate import OPTIMISED, Emulated, emulate, version

ROOT = Path("leaderboards/records")
RECORDS = {
    "digits": (
        *("lenet_dense-4e026074e2f1", "lenet_narrow-ff65e0116412", "lenet_sparse-6c40de046776", "lenet_pruned-8e678a1bab8a"),
        *("mlp_dense-f1a54482d7f8", "mlp_narrow-97a1fa41dc97", "mlp_sparse-6d7dfd7b74a1", "mlp_pruned-fdf9f66ec1a3"),
    ),
    "mnist": (
        *("lenet_dense-5d2b4afdb6a0", "lenet_narrow-3bf34a02ca12", "lenet_sparse-e657a2136faa", "lenet_pruned-54fb06258d84"),
        *("mlp_dense-e52ab41f5b46", "mlp_narrow-7e2d95ca43e7", "mlp_sparse-59ddd390d877", "mlp_pruned-5dd7da6189ca"),
    ),
    "fashion-mnist": (
        *("lenet_dense-ceaf1288406a", "lenet_narrow-1b209b2cd96c", "lenet_sparse-340a440ddaf8", "lenet_shared-01c237a6ab03"),
        *("lenet_kernel-c520d938d6d4", "lenet_block-46326d493f03", "lenet_pruned-1e10fdfb9696"),
        *("mlp_dense-91fa5fbbec44", "mlp_narrow-0b62573dac2c", "mlp_sparse-d63b6b156f9b", "mlp_pruned-89dc31420de9"),
    ),
}  # fmt: skip
"""Folders of records by task, those of a task of one recipe: dense, a smaller dense network, predefined and pruned ones of 12.5%
of the weights."""
CALIBRATED, COUNTED = 32, 2
"""Drawn samples for scales, and those whose instructions are counted."""
TARGET = 0.6
"""What the mean of instructions should stay below, as a share of those to the end."""


class Seed:
    """All of a training that predefined masks ask for."""

    cut = None

    def __init__(self, seed: int) -> None:
        self.seed = seed


def network(record: Record) -> Net:
    """A record's network with drawn weights and its masks, or drawn ones of the same densities."""
    request = RunRequest.of(record)
    backbone, method = split_model(request.model, entries("backbone"))
    plugin = choose(Method, method or "dense").plugin
    about = choose(Task, record.setup.task.name).plugin.about()
    _, net = untrained(
        choose(Backbone, backbone).plugin,
        plugin,
        choose(Exits, request.exits).plugin,
        about,
        seed=record.seed,
    )
    if isinstance(plugin, Predefined):
        plugin.prepare(net, Seed(record.seed))  # type: ignore[arg-type]
    else:
        modules = maskable(net, heads=True)
        for layer in record.layers:
            if layer.density < 1:
                weight = modules[layer.name].weight
                kept = torch.randperm(weight.numel())[: round(layer.density * weight.numel())]
                hide(
                    modules[layer.name],
                    torch.zeros(weight.numel(), dtype=torch.bool).index_fill(0, kept, True).view_as(weight),
                )
    return net.eval()


def measured(record: Record, board: Board) -> Emulated:
    """The network's int8 code on a board, asked by every policy that C has, held against int8 in Python."""
    net, drawn = network(record), torch.Generator().manual_seed(1)
    calibration, x = (
        torch.randn(count, *net.sample.shape, generator=drawn) for count in (CALIBRATED, COUNTED)
    )
    asked = {formula: [0.5] * len(net.exits) for formula in FORMULAS}
    code = code_of(net.whole(), record.setup.model, asked, calibration)
    ran = emulate(code, net.classes, board, list(x.numpy()))
    assert code.ints is not None
    assert (ran.logits.transpose(1, 0, 2) == code.ints.run(x.numpy())[0]).all(), (
        "the board differs from Python"
    )
    return ran


def by_policy(record: Record, ran: Emulated) -> Iterator[tuple[str, float, list[float], float]]:
    """By policy: accuracy, shares that leave at each exit, and the mean of instructions, asking included."""
    to, asking = ran.instructions.mean(0), ran.asking.mean(0)
    for curve in record.curves:
        if curve.policy in FORMULAS and curve.shipped is not None:
            point, formula = curve.outcomes[curve.shipped], FORMULAS.index(curve.policy)
            spent = to + asking[:, formula].cumsum()
            yield curve.policy, point.accuracy, point.shares, float((spent * point.shares).sum())


def rows(board: Board, folder: Path, names: Iterable[str]) -> Iterator[str]:
    """The lines of a task's table; accuracies and shares are means over the seeds of a record's folder."""
    yield "| network | top-1 | flash | RAM | instructions | to exit 0 | policy | top-1 | leave at each exit | mean instructions | of the end |"
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    for name in names:
        records = [load(path) for path in sorted((folder / name).glob("seed*.json"))]
        if not records:
            raise SystemExit(
                f"There is no record in {folder / name}. Name another folder of records by --records."
            )
        ran = measured(records[0], board)
        top1, end = (
            _mean([one.exits[-1].readings["top1"].value for one in records]),
            ran.instructions[:, -1].mean(),
        )
        head = f"| {records[0].setup.model} | {top1:.2%} | {ran.size.flash:,} B | {ran.ram:,} B | {end:,.0f} | {ran.instructions[:, 0].mean() / end:.2f} "
        for outcomes in zip(*(by_policy(one, ran) for one in records), strict=True):
            accuracy, mean = (_mean([one[place] for one in outcomes]) for place in (1, 3))
            leave = ", ".join(
                f"{_mean(list(shares)):.1%}" for shares in zip(*(one[2] for one in outcomes), strict=True)
            )
            share = f"{mean / end:.2f}{'' if mean / end < TARGET else ' missed'}"
            yield f"{head}| {outcomes[0][0]} | {accuracy:.2%} | {leave} | {mean:,.0f} | {share} |"
            head = "| | | | | | "


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--board", default="cortex-m4", choices=list(BOARDS))
    parser.add_argument("--tasks", default=",".join(RECORDS), help="joined by commas")
    parser.add_argument("--records", type=Path, default=ROOT, help="folder of all tasks' records")
    parser.add_argument("--out", type=Path, help="a Markdown file for the table")
    options = parser.parse_args()
    board, tasks = board_of(options.board), options.tasks.split(",")
    if unknown := [task for task in tasks if task not in RECORDS]:
        parser.error(f"There are no records of {', '.join(unknown)} here. Choose of {', '.join(RECORDS)}.")
    text = (
        f"{board.name}, QEMU {board.machine}, {version(board)} {OPTIMISED[0]}, int8. Accuracies, and who leaves where at a policy's shipped "
        "point, are means over the records' seeds, in float32 on the whole test split; a shipped point is the cheapest that loses at "
        "most half a point of accuracy on the calibration split. Instructions to each exit are weighed with the shares, asking the "
        f"policy included, and should stay below {TARGET:.0%} of running to the end; no policy comes below the share *to exit 0*. Flash "
        "has all exits and policies.\n"
    )
    for task in tasks:
        text += (
            f"\n## {task}\n\n" + "\n".join(rows(board, options.records / f"{task}-v1", RECORDS[task])) + "\n"
        )
    print(text)
    if options.out:
        options.out.write_text(
            f"# A board of device code\n\nBy `python benchmarks/device_board.py --board {board.name}`.\n\n{text}"
        )


if __name__ == "__main__":
    main()
