"""ImageNet's thousand classes (ILSVRC 2012), by WordNet's numbers, in the order of the logits of networks trained for them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files


@cache
def imagenet_wnids() -> tuple[str, ...]:
    """The classes, `n01440764` and so on: sorted, which is the order of every published network's logits."""
    return tuple(files("bench.network").joinpath("imagenet.txt").read_text(encoding="utf-8").split())


def imagenet_rows(names: Sequence[str], classes: int) -> list[int] | None:
    """The logits of classes among the thousand; None where a class is not one of these, or not all are named.

    Args:
        names: of a task's classes.
        classes: how many the task has.
    """
    place = {wnid: row for row, wnid in enumerate(imagenet_wnids())}
    if len(names) != classes or not all(name in place for name in names):
        return None
    return [place[name] for name in names]
