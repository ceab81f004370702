"""The first half of a run: what it lends to a method."""

import gc
from pathlib import Path
from types import FunctionType, ModuleType

import pytest
import torch

from bench import Exits, Method, RunRequest, Task
from bench.lock import Quiet
from bench.records.mirror import Mirror
from bench.runs.phases import Phases, silent
from bench.runs.request import ResolvedRun
from bench.runs.train import checkpoints_of, train
from bench.testing.tiny import TinyTask


def reached_from(start):
    """Everything that attributes, items and closures lead to from a value; no modules, classes or globals."""
    found, waiting = {}, [start]
    while waiting:
        one = waiting.pop()
        if id(one) in found or isinstance(one, (type, ModuleType)):
            continue
        found[id(one)] = one
        if isinstance(one, FunctionType):
            waiting += [cell.cell_contents for cell in one.__closure__ or ()] + list(one.__defaults__ or ())
        elif isinstance(one, torch.Tensor) and one._base is not None:
            waiting.append(one._base)
        else:
            waiting += gc.get_referents(one)
    return list(found.values())


class Looks(Method):
    """Keeps what it is lent."""

    def fit(self, net, train):
        LENT.append(train)
        train(net, after_step=LENT.append)


class Plan(Exits):
    """Keeps what it is lent, and lends a portion of it."""

    def loss(self, logits, labels, progress):
        return sum(torch.nn.functional.cross_entropy(one, labels) for one in logits)

    def fit(self, net, train, method):
        LENT.append(train)
        method.fit(net, train.portion(0.5))


LENT = []


@pytest.mark.parametrize("task", [TinyTask(), None], ids=["views of one tensor", "blobs"])
def test_no_way_leads_from_what_is_lent_to_the_other_splits(task, tmp_path):
    here = Path(__file__).resolve()
    run = ResolvedRun.of(
        RunRequest(
            task="blobs", model=f"mlp_{here}:Looks", exits=f"{here}:Plan", records=tmp_path / "records", runs=tmp_path,
            recipe={"epochs": "1"},
        )
    )  # fmt: skip
    lent = type(run.exits.plugin).fit.__globals__["LENT"]
    data = run.task.plugin.data(tmp_path, 0)
    if task is not None:
        about, data = task.about(), task.data(tmp_path, 0)
        run = ResolvedRun(**{**vars(run), "about": about, "recipe": about.recipe})
    train(run, data, Phases(silent, Quiet(tmp_path / "lock", 0)), Mirror(), checkpoints_of(run))
    assert len(lent) > 3
    reached = reached_from(lent)
    lent.clear()
    assert not any(isinstance(one, Task) for one in reached)
    tensors = [one for one in reached if isinstance(one, torch.Tensor)]
    memory = {tensor.untyped_storage().data_ptr() for tensor in tensors}
    assert any(
        len(tensor) == len(data.train.labels) for tensor in tensors if tensor.dim() == 4
    )  # it was seen
    for split in (data.calibration, data.test):
        assert not memory & {tensor.untyped_storage().data_ptr() for tensor in split}
