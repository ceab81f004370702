"""Draws the pictures of README.md and docs/: `python docs/pictures.py` writes docs/img/*.svg anew, `--check` writes nothing."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from bench import load
from bench.boards.numbers import packed, reading
from bench.records.mean import Mean
from bench.records.record import Record

TOP = Path(__file__).parents[1]
BOARD = "fashion-mnist-v1"
EPOCHS = 4
METHODS = {
    "pruned": ("pruned", "magnitude pruning", "#0072b2"),
    "sparse[nearest=true]": ("sparse", "predefined pattern", "#d55e00"),
    "narrow": ("narrow", "smaller dense network", "#009e73"),
}
"""What is drawn: the spec without its density, as a folder of records begins, in words, and its colour."""
STYLE = (
    "<style>text{font:14px system-ui,sans-serif;fill:#24292f}.mute{fill:#57606a}.line{stroke:#8c959f;fill:none}"
    ".box{fill:#ddf4ff;stroke:#0969da}.head{fill:#fff8c5;stroke:#9a6700}.cut{stroke:#cf222e;stroke-dasharray:6 5}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.mute{fill:#9198a1}.box{fill:#0c2d6b;stroke:#58a6ff}"
    ".head{fill:#3b2300;stroke:#d29922}.cut{stroke:#ff7b72}}</style>"
)


class Point(NamedTuple):
    """One training's means over its seeds: packed bytes of the whole network, and top-1 of its last exit."""

    size: Mean
    accuracy: Mean


def points(folder: str, method: str) -> list[Point]:
    """The trainings of `lenet` with a method on the board, at any density, from the largest down.

    Args:
        folder: as folders of their records begin.
        method: spec of the method, without its density.
    """
    found = []
    for path in sorted((TOP / "leaderboards/records" / BOARD).glob(f"lenet_{folder}-*")):
        records = [load(one) for one in sorted(path.glob("seed*.json"))]
        if records and _is_drawn(records[0], method):
            size, accuracy = (
                Mean.of(value for one in records if (value := number(one)) is not None)
                for number in (packed(-1), reading(-1, "top1"))
            )
            assert size is not None
            assert accuracy is not None
            found.append(Point(size, accuracy))
    return sorted(found, key=lambda point: -point.size.value)


def _is_drawn(record: Record, method: str) -> bool:
    setup = record.setup
    open_ = {k: v for k, v in setup.method.settings.items() if k in ("nearest",) and v}
    spec = setup.method.name + ("[nearest=true]" if open_ else "")
    usual = setup.exits.spec == "joint" and setup.recipe["epochs"] == EPOCHS and setup.values is None
    return usual and spec == method and setup.method.settings.get("layers", "global") in ("global", None)


def tradeoff() -> str:
    """Packed bytes against accuracy: what each way to a smaller network costs."""
    dense, *_ = points("dense", "dense")
    curves = {one: points(folder, one) for one, (folder, _, _) in METHODS.items()}
    left, right, top, bottom = 70, 590, 50, 330
    sizes, heights = (50e3, 1e6), (0.852, 0.914)

    def x(size: float) -> float:
        return left + (right - left) * math.log(size / sizes[0]) / math.log(sizes[1] / sizes[0])

    def y(share: float) -> float:
        return bottom - (bottom - top) * (share - heights[0]) / (heights[1] - heights[0])

    parts = [_text(left, 24, f"lenet on Fashion-MNIST, {EPOCHS} epochs, mean of 3 seeds with 95% intervals")]
    for percent in range(86, 92):
        at = y(percent / 100)
        parts.append(f'<path class="line" opacity=".35" d="M{left} {at:.1f}H{right}"/>')
        parts.append(_text(left - 8, at + 5, f"{percent}%", "mute", "end"))
    for kilo in (50, 100, 200, 500, 1000):
        parts.append(f'<path class="line" d="M{x(kilo * 1e3):.1f} {bottom}v5"/>')
        parts.append(_text(x(kilo * 1e3), bottom + 22, f"{kilo} kB", "mute", "middle"))
    parts.append(_text((left + right) / 2, bottom + 44, "the network as a packed file (further left is smaller)", "", "middle"))  # fmt: skip
    parts.append(_text(left, top - 6, "right answers", "mute"))
    for number, (spec, curve) in enumerate(curves.items()):
        colour = METHODS[spec][2]
        places = [(x(one.size.value), y(one.accuracy.value)) for one in [dense, *curve]]
        parts += [
            f'<path d="M{a:.1f} {b:.1f}L{c:.1f} {d:.1f}" stroke="{colour}" stroke-width="2"/>'
            for (a, b), (c, d) in pairwise(places)
        ]
        parts += [_mark(x(one.size.value), one.accuracy, y, colour, 4) for one in curve]
        at = 230 + 24 * number
        parts.append(f'<path d="M350 {at}h28" stroke="{colour}" stroke-width="3"/>')
        parts.append(_text(386, at + 5, METHODS[spec][1]))
    parts.append(_mark(x(dense.size.value), dense.accuracy, y, "#6e7781", 6))
    parts.append(_text(x(dense.size.value), y(dense.accuracy.value) - 32, "dense", "", "middle"))
    return _svg(640, 390, "Accuracy of lenet on Fashion-MNIST against the bytes of its packed file, for three methods", parts)  # fmt: skip


def _mark(x: float, mean: Mean, y: Callable[[float], float], colour: str, radius: int) -> str:
    """A point with its 95% interval."""
    bar = "" if mean.half is None else f'<path d="M{x:.1f} {y(mean.value - mean.half):.1f}V{y(mean.value + mean.half):.1f}" stroke="{colour}" opacity=".5"/>'  # fmt: skip
    return f'{bar}<circle cx="{x:.1f}" cy="{y(mean.value):.1f}" r="{radius}" fill="{colour}"/>'


def stages() -> str:
    """A network as a row of stages, with exits on some and a cut between two."""
    parts = [
        _text(20, 30, "on the device", "mute"),
        _text(420, 30, "on the server", "mute"),
        '<path class="cut" stroke-width="2" d="M384 16V264"/>',
        _text(384, 286, "a cut: what the next stage reads is sent as bytes", "", "middle"),
        _text(20, 114, "input"),
    ]
    for number, at in enumerate((80, 180, 280, 420, 520)):
        parts += [_arrow(at - 20, 109, at, 109), _box(at, 84, 80, 50, f"stage {number}", "box")]
    parts.append('<path class="line" stroke-width="1.5" d="M160 109h20M260 109h20M360 109h60M500 109h20"/>')
    for number, at in enumerate((180, 520)):
        parts += [_arrow(at + 40, 134, at + 40, 170), _box(at, 170, 80, 40, f"exit {number}", "head")]
    parts += [
        _text(220, 232, "sure? answer here,", "mute", "middle"),
        _text(220, 250, "and stop", "mute", "middle"),
        _text(560, 232, "else answer here", "mute", "middle"),
    ]
    return _svg(640, 300, "Five stages in a row; exits on stages 1 and 4; a cut between stages 2 and 3", parts)  # fmt: skip


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    kind = f' class="{kind}"' if kind else ""
    return f'<text{kind} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{words}</text>'


def _box(x: float, y: float, width: float, height: float, words: str, kind: str) -> str:
    rect = f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="6"/>'
    return rect + _text(x + width / 2, y + height / 2 + 5, words, "", "middle")


def _arrow(x: float, y: float, to_x: float, to_y: float) -> str:
    tip = f"M{to_x - 6} {to_y - 4}L{to_x} {to_y}l-6 4" if y == to_y else f"M{to_x - 4} {to_y - 6}L{to_x} {to_y}l4 -6"  # fmt: skip
    return f'<path class="line" stroke-width="1.5" d="M{x} {y}L{to_x} {to_y}{tip}"/>'


def _svg(width: int, height: int, title: str, parts: list[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">'
    return "\n".join([head, f"<title>{title}</title>", STYLE, *parts, "</svg>\n"])


def main(check: bool) -> int:
    """Write the pictures, or name those that are not what the records give."""
    stale = []
    for name, draw in (("tradeoff", tradeoff), ("stages", stages)):
        path, text = TOP / "docs/img" / f"{name}.svg", draw()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path.name)
            if not check:
                path.write_text(text, encoding="utf-8")
    if check and stale:
        print(f"Stale: {', '.join(stale)}. Draw them anew: python docs/pictures.py")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
