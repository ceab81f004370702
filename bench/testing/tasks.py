"""The contract of every task, as a check."""

from __future__ import annotations

from pathlib import Path

import torch

from bench.kinds.stored import Stored
from bench.kinds.task import Split, Task
from bench.testing.facts import Facts

ROWS = 256
"""Of inputs that are not in memory so many are looked at."""


def check_task(task: Task, root: Path = Path("data")) -> list[str]:
    """Check that splits have the promised shapes and labels, held-out ones the same for every seed."""
    facts = Facts()
    about, data, other = task.about(), task.data(root, 0), task.data(root, 1)
    for name in ("train", "calibration", "test"):
        split: Split = getattr(data, name)
        shape = split.inputs.shape if name != "train" else data.scale(split.inputs[:1]).shape
        facts.hold(tuple(shape[1:]) == about.sample.shape, f"{name} inputs have the promised shape")
        facts.hold(split.labels.dtype == torch.int64, f"{name} labels are int64")
        low, high = int(split.labels.min()), int(split.labels.max())
        facts.hold(low >= 0 and high < about.classes, f"{name} labels lie in 0..classes-1", f"{low}..{high}")
    for name in ("calibration", "test"):
        one, two = getattr(data, name), getattr(other, name)
        rows = slice(ROWS if isinstance(one.inputs, Stored) else None)
        same = torch.equal(one.inputs[rows], two.inputs[rows]) and torch.equal(one.labels, two.labels)
        facts.hold(same, f"the {name} split is the same for every seed")
    scaled = data.scale(data.train.inputs[:256])
    facts.hold(scaled.dtype == about.sample.dtype, "scaled inputs have the promised type")
    facts.hold(task.version >= 1 and about.recipe.epochs >= 0, "it has a version and a recipe")
    return facts
