"""Full disks, locked folders, ends of memory and foreign files: a sentence each, and nothing half-written."""

import errno
import json
import os
import string
import threading

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from bench import SeesawError
from bench.files import write_whole
from bench.kinds.exits import Exits
from bench.kinds.method import Method
from bench.network.net import Net
from bench.plugins.plugin import choose
from bench.records.record import Record, load
from bench.records.setup import path_of
from bench.runs.request import ResolvedRun, RunRequest
from bench.runs.run import run
from bench.runs.training.budget import Budget
from bench.runs.training.callbacks import Log
from bench.testing import TinyTask

SMALL = {"policies": ("confidence",), "codecs": ("int8",), "meters": ("macs", "storage")}


def order(places, **changes):
    return RunRequest(**({"task": "blobs", "model": "mlp", **SMALL, **places} | changes))


def full(monkeypatch, after):
    """A disk that is full after so many writes."""
    writes, fsync = [], os.fsync

    def one(handle):
        writes.append(handle)
        if len(writes) > after:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", one)


@pytest.mark.parametrize("after", [0, 1, 3, 4, 5, 6])
def test_a_full_disk_is_a_sentence_and_the_run_goes_on_when_there_is_room(places, monkeypatch, after):
    expected = run(order(places | {"records": places["records"] / "other", "runs": places["runs"] / "other"}))
    with monkeypatch.context() as patch:
        full(patch, after)
        with pytest.raises(
            SeesawError, match=r"No space left on device.*name another with --(runs|records) FOLDER\."
        ):
            run(order(places))
    assert not list(places["records"].glob("blobs-v1/*/*"))
    assert not [p for folder in places.values() for p in folder.rglob("*.part")]
    record = run(order(places))
    assert [e.readings for e in record.exits] == [e.readings for e in expected.exits]


def test_what_was_there_before_a_failed_write_is_untouched(tmp_path, monkeypatch):
    path = tmp_path / "page"
    write_whole(path, b"old", "--pages")
    full(monkeypatch, 0)
    with pytest.raises(SeesawError):
        write_whole(path, b"new", "--pages")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["page"]


class Hungry(nn.Module):
    """A stage that takes no more than so many samples."""

    def __init__(self, most, error):
        super().__init__()
        self.most, self.error = most, error

    def forward(self, x):
        if len(x) > self.most:
            raise self.error
        return x.flatten(1)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_the_end_of_memory_names_a_batch_that_fits(error):
    task = TinyTask()
    net = Net([Hungry(5, error), nn.Linear(768, 4)], task.about().sample, 4)
    net.hang(1, nn.Linear(4, 4))
    data, recipe = task.data(None, 0), task.about().recipe
    budget = Budget(data.lent, recipe, choose(Exits, "single").plugin.loss, 0, torch.device("cpu"), Log())
    with pytest.raises(SeesawError, match=r"Memory ran out in training at batch 16 .*--set batch=4\."):
        Method().fit(net, budget)


def test_a_corrupt_record_among_good_ones_does_not_stop_a_run(places):
    run(order(places))
    path = ResolvedRun.of(order(places)).path
    path.write_text(path.read_text()[:200])
    with pytest.raises(SeesawError, match=r"no whole record.*--again"):
        run(order(places))
    assert run(order(places), again=True).budget == 1
    assert load(path).faults() == []


def test_deterministic_algorithms_are_noted_in_the_record(places):
    torch.use_deterministic_algorithms(True)
    try:
        assert run(order(places)).machine["deterministic"]
    finally:
        torch.use_deterministic_algorithms(False)


WORDS = st.text(string.printable, max_size=40) | st.sampled_from(
    [
        "mlp[widths=1:2]",
        "mlp_sparse[density=",
        "../../x",
        "a.py:B",
        "mlp[[",
        "x]",
        "mlp_dense_dense",
        "\x00",
        "é[=]",
    ]
)


@settings(max_examples=150, deadline=None)
@given(model=WORDS, task=WORDS, exits=WORDS)
def test_no_spec_ends_in_more_than_a_sentence(model, task, exits, tmp_path_factory):
    top = tmp_path_factory.mktemp("specs")
    for changes in ({"model": model}, {"task": task}, {"exits": exits}):
        places = {name: top / name for name in ("records", "runs", "data")}
        try:
            plan = ResolvedRun.of(order(places, **changes))
        except SeesawError as error:
            sentence = str(error)
        else:
            sentence = "."
            assert plan.path.resolve().is_relative_to(top.resolve())
            assert plan.files.folder.resolve().is_relative_to(top.resolve())
        assert sentence.rstrip()[-1] in ".?)]:'", sentence
    assert list(top.iterdir()) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_record_ends_in_more_than_a_sentence_or_lies_outside(data, made, tmp_path_factory):
    values = json.loads(made().model_dump_json())
    for _ in range(data.draw(st.integers(1, 3))):
        here = values
        while True:
            key = data.draw(st.sampled_from(sorted(here) if isinstance(here, dict) else range(len(here))))
            if isinstance(here[key], (dict, list)) and here[key] and data.draw(st.integers(0, 3)):
                here = here[key]
            else:
                here[key] = data.draw(JSON)
                break
    folder = tmp_path_factory.mktemp("records")
    path = folder / "seed0.json"
    path.write_text(json.dumps(values))
    try:
        record = load(path)
    except SeesawError:
        return
    assert isinstance(record.faults(path, folder), list)
    assert record.path(folder).resolve().is_relative_to(folder.resolve())


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "..", "a/../../b.py:../C", "~", ""])
def test_no_name_in_a_record_leaves_its_folder(made, tmp_path, name):
    setup = made().setup
    evil = setup.model_copy(
        update={part: setup.task.model_copy(update={"name": name}) for part in ("task", "backbone", "method")}
    )
    assert path_of(tmp_path, evil, "0" * 12, 0).resolve().is_relative_to(tmp_path.resolve())
    with pytest.raises(ValueError, match="digest"):
        Record.model_validate(json.loads(made().model_dump_json()) | {"digest": "../../../x"})


def test_two_of_the_same_cell_one_runs_and_the_other_waits_and_takes_its_record(places):
    phases, records = {}, {}

    def one(name):
        phases[name] = []
        records[name] = run(order(places), lambda phase, done, total, line: phases[name].append(phase))

    team = [threading.Thread(target=one, args=(name,)) for name in "ab"]
    for thread in team:
        thread.start()
    for thread in team:
        thread.join()
    trained = [name for name in "ab" if "train" in phases[name]]
    waited = [name for name in "ab" if "wait" in phases[name]]
    assert len(trained) == len(waited) == 1
    assert trained != waited
    assert records["a"] == records["b"]
