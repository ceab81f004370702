"""Device code: flash, RAM and instructions of generated code at 12.5% density, beside our own dense code of the same numbers.

    python benchmarks/device_code.py [--board cortex-m4] [--values int8,float32] [--out benchmarks/device_code.md]

Networks are of MNIST's shape with drawn weights and three exits: what code takes follows from shapes and masks, but for a few
instructions. Accuracy is not in the table. Targets, for int8: flash at most a quarter, instructions at most a third of the dense
code; a LeNet in 64 kB of flash and 16 kB of RAM. Needs gcc-arm-none-eabi, libnewlib-arm-none-eabi and qemu-system-arm.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import torch

from bench import Backbone, Method, Net, Sample, choose
from bench.shipping.c.boards import BOARDS, Board, board_of
from bench.shipping.c.code import code_of
from bench.shipping.c.emulate import OPTIMISED, Emulated, emulate, version

BACKBONES = ("mlp", "lenet")
DENSITY = "density=0.125,nearest=true"
METHODS = ("dense", *(f"{name}[{DENSITY}]" for name in ("shared", "diagonal", "clash-free", "sparse")))
SHAPE, CLASSES = (1, 28, 28), 10
FLASH, INSTRUCTIONS = 1 / 4, 1 / 3
ROOM, RAM = 64 * 1024, 16 * 1024
"""Bytes of flash and RAM in which a LeNet should fit."""
CALIBRATED, COUNTED = 32, 4
"""Drawn samples for scales, and those whose instructions are counted."""


class Seed:
    """All of a training that predefined masks ask for."""

    seed, cut = 0, None


def network(backbone: str, method: str) -> Net:
    """A network with drawn weights, exits at thirds of its depth, and a method's masks."""
    torch.manual_seed(0)
    plugin = choose(Backbone, backbone).plugin
    net = Net(plugin.stages(Sample(SHAPE)), Sample(SHAPE), CLASSES)
    last = len(net.stages) - 1
    for stage in sorted({last // 3, 2 * last // 3, last}):
        net.hang(stage, plugin.head(net.shapes[stage], CLASSES))
    if method != "dense":
        choose(Method, method).plugin.prepare(net, Seed())  # type: ignore[arg-type]
    return net.eval()


def measured(backbone: str, method: str, board: Board, values: str) -> Emulated:
    """The network's code on a board, held against the network, or against int8 in Python."""
    drawn = torch.Generator().manual_seed(1)
    calibration, x = (torch.randn(count, *SHAPE, generator=drawn) for count in (CALIBRATED, COUNTED))
    net = network(backbone, method)
    code = code_of(net.whole(), method, {}, calibration if values == "int8" else None)
    ran = emulate(code, CLASSES, board, list(x.numpy()))
    logits = ran.logits.transpose(1, 0, 2)
    if code.ints is not None:
        assert (logits == code.ints.run(x.numpy())[0]).all(), "the board differs from Python"
    else:
        with torch.inference_mode():
            torch.testing.assert_close(torch.tensor(logits), torch.stack(net(x)), rtol=1e-4, atol=1e-5)
    return ran


def kept(ratio: float, target: float) -> str:
    """A ratio to the dense code, and whether it is as small as it should be."""
    return f"{ratio:.3f}{'' if ratio <= target else ' missed'}"


def rows(board: Board, values: str) -> Iterator[str]:
    """The lines of the table."""
    flash, instructions = (FLASH, INSTRUCTIONS) if values == "int8" else (1, 1)
    yield "| network | method | flash | of dense | RAM | instructions | of dense |"
    yield "|---|---|---|---|---|---|---|"
    for backbone in BACKBONES:
        ran = {method: measured(backbone, method, board, values) for method in METHODS}
        dense = ran["dense"]
        for method, one in ran.items():
            count = one.instructions[:, -1].mean()
            shares = ("1", "1")
            if method != "dense":
                shares = (
                    kept(one.size.flash / dense.size.flash, flash),
                    kept(count / dense.instructions[:, -1].mean(), instructions),
                )
            yield (
                f"| {backbone} | {method} | {one.size.flash:,} B | {shares[0]} | {one.ram:,} B | {count:,.0f} | {shares[1]} |"
            )
        if backbone == "lenet" and values == "int8":
            best = min((one for name, one in ran.items() if name != "dense"), key=lambda one: one.size.flash)
            fits = [f"{'fits' if best.size.flash <= ROOM else 'does not fit'} 64 kB of flash"]
            fits.append(f"{'fits' if best.ram <= RAM else 'does not fit'} 16 kB of RAM")
            yield f"\nThe smallest sparse lenet {' and '.join(fits)}."


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--board", default="cortex-m4", choices=list(BOARDS))
    parser.add_argument("--values", default="int8,float32", help="numbers of the code, joined by commas")
    parser.add_argument("--out", type=Path, help="a Markdown file for the table")
    options = parser.parse_args()
    board = board_of(options.board)
    text = f"{board.name}, QEMU {board.machine}, {version(board)} {OPTIMISED[0]}, drawn weights, to the last of three exits.\n"
    for values in options.values.split(","):
        text += f"\n## {values}\n\n" + "\n".join(rows(board, values)) + "\n"
    print(text)
    if options.out:
        options.out.write_text(
            f"# Device code\n\nBy `python benchmarks/device_code.py --board {board.name}`.\n\n{text}"
        )


if __name__ == "__main__":
    main()
