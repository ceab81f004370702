"""A run that is cut short goes on after its last finished epoch and ends as an unbroken one does."""

import json
import re
from contextlib import suppress
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import nn

from bench import Net, Sample, SeesawError
from bench.runs.request import ResolvedRun, RunRequest
from bench.runs.run import run
from bench.runs.training.checkpoint import Checkpoint, Checkpoints

QUICK = {"policies": ("confidence",), "codecs": ("int8",), "meters": ("macs", "storage")}


class Killed(BaseException):
    """Stands in for the signal that nobody can catch."""


def order(top, model, exits="joint", **changes):
    places = {name: top / name for name in ("records", "runs", "data")}
    return RunRequest(
        task="blobs", model=model, exits=exits, recipe={"epochs": "4"}, **QUICK, **places, **changes
    )


def killed_after(count):
    """A report that ends the run at its count-th epoch's end."""
    seen = set()

    def report(phase, done, total, line):
        if phase == "train" and line and done == int(done):
            seen.add(done)
            if len(seen) == count:
                raise Killed

    return report


def weights(request):
    return ResolvedRun.of(request).files.weights.read_bytes()


@pytest.mark.parametrize(
    ("model", "exits", "more"),
    [
        ("resnet[depth=8]_pruned[density=0.25,at=0.6]", "frozen[backbone=0.7]", {}),
        ("mlp_sparse", "joint", {}),
        ("lenet_kernel[nearest=true]", "frozen", {"lean": True}),
    ],
)
def test_a_killed_run_ends_as_an_unbroken_one(tmp_path, model, exits, more):
    whole = replace(order(tmp_path / "whole", model, exits), **more)
    expected = run(whole)
    broken = replace(order(tmp_path / "broken", model, exits), **more)
    for count in (1, 2, 1):  # killed again and again, each time further on
        with pytest.raises(Killed):
            run(broken, killed_after(count))
    steps = []
    record = run(broken, lambda phase, done, total, line: steps.append(done) if phase == "train" else None)
    assert record.untimed() == expected.untimed()
    assert weights(broken) == weights(whole)
    assert not list(ResolvedRun.of(broken).files.checkpoints.glob("*"))


def test_only_what_was_not_finished_is_trained_again(tmp_path, caplog):
    request = order(tmp_path, "mlp_pruned[at=0.5]")
    with pytest.raises(Killed):
        run(request, killed_after(4))
    assert "goes on" not in caplog.text
    trained = []
    run(request, lambda phase, done, _, line: trained.append(done) if phase == "train" and line else None)
    assert min(trained) > 3
    assert (
        caplog.text.count("Training goes on after epoch 3, the last that an earlier sitting finished.") == 1
    )


def test_again_begins_anew(tmp_path):
    request = order(tmp_path, "mlp")
    with pytest.raises(Killed):
        run(request, killed_after(2))
    trained = []
    run(request, lambda _, done, __, line: trained.append(done) if "loss" in line else None, again=True)
    assert min(trained) <= 1


def test_again_that_was_cut_short_goes_on(tmp_path):
    request = order(tmp_path, "mlp")
    whole = run(request)
    with pytest.raises(Killed):
        run(request, killed_after(3), again=True)
    for again in (False, True):  # the same command, with its --again or without
        trained = []
        record = run(
            request,
            lambda _, done, __, line, seen=trained: seen.append(done) if "loss" in line else None,
            again=again,
        )
        assert record.untimed() == whole.untimed()
        assert min(trained) > 2 if not again else min(trained) <= 1
    assert not ResolvedRun.of(request).files.again_marker.exists()


@pytest.mark.parametrize("damage", ["cut short", "nonsense", "another seed's", "another version's"])
def test_a_damaged_or_foreign_checkpoint_is_a_sentence_and_the_run_begins_anew(tmp_path, damage, caplog):
    request = order(tmp_path, "mlp")
    with pytest.raises(Killed):
        run(request, killed_after(2))
    path = next(ResolvedRun.of(request).files.checkpoints.glob("*"))
    data = path.read_bytes()
    if damage == "cut short":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "nonsense":
        path.write_bytes(b"nonsense")
    else:
        old, new = ("seed 0", "seed 7") if damage == "another seed's" else (torch.__version__, "0.0.0")
        old = old if old.encode() in data else torch.__version__.split("+")[0]
        path.write_bytes(_with_header(data, lambda text: text.replace(old, new)))
    record = run(request)
    assert re.search(rf"{re.escape(str(path))} is .*checkpoint.* trained again\.", caplog.text)
    assert record.untimed() == run(order(tmp_path / "whole", "mlp")).untimed()


def _with_header(data, change):
    length = int.from_bytes(data[:8], "little")
    header = change(data[8 : 8 + length].decode()).encode()
    return len(header).to_bytes(8, "little") + header + data[8 + length :]


def small():
    torch.manual_seed(0)
    net = Net([nn.Linear(4, 3), nn.Linear(3, 2)], Sample((4,)), 2)
    net.hang(1, nn.Linear(2, 2))
    return net


def test_a_buffer_that_a_hook_added_comes_back():
    net = small()
    net.stages[0].register_buffer("score", torch.arange(3.0))
    kept = Checkpoint.of(net, torch.optim.SGD(net.parameters(), 0.1), 0, {})
    fresh = small()
    kept.to_net(fresh)
    assert torch.equal(fresh.stages[0].get_buffer("score"), torch.arange(3.0))


def test_another_networks_checkpoint_is_a_sentence():
    net = small()
    other = Net([nn.Linear(4, 5), nn.Linear(5, 2)], Sample((4,)), 2)
    other.hang(1, nn.Linear(2, 2))
    kept = Checkpoint.of(other, torch.optim.SGD(other.parameters(), 0.1), 0, {})
    with pytest.raises(SeesawError, match="another network's"):
        kept.to_net(net)


def test_momentum_comes_back_in_the_layout_of_its_weight(tmp_path):
    torch.manual_seed(0)
    x, nets = torch.randn(4, 8, 6, 6), []
    for broken in (False, True):
        torch.manual_seed(1)
        net = Net([nn.Conv2d(8, 8, 3)], Sample((8, 6, 6)), 2)
        net.hang(0, nn.Sequential(nn.Flatten(), nn.Linear(128, 2)))
        net.to(memory_format=torch.channels_last)
        optimizer = torch.optim.AdamW(net.parameters(), 0.1, fused=True)
        for step in range(4):
            if broken and step == 2:
                folder = Checkpoints(tmp_path, {})
                folder.write(0, Checkpoint.of(net, optimizer, 2, {}))
                kept = folder.read(0)
                optimizer = torch.optim.AdamW(net.parameters(), 0.1, fused=True)
                optimizer.state.update(kept.moments(net))
            optimizer.zero_grad()
            net(x)[0].square().sum().backward()
            optimizer.step()
        nets.append(net)
    for one, other in zip(*(net.parameters() for net in nets), strict=True):
        assert torch.equal(one, other)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_bytes_make_more_than_a_sentence(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("fuzz")
    kept = Checkpoints(folder, {"run": "x"})
    net = small()
    kept.write(0, Checkpoint.of(net, torch.optim.SGD(net.parameters(), 0.1), 3, {"epochs": []}))
    whole = bytearray(kept.path(0).read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=8)):
        whole[place] ^= data.draw(st.integers(1, 255))
    kept.path(0).write_bytes(bytes(whole[: data.draw(st.integers(0, len(whole)))]))
    with suppress(SeesawError):
        if (checkpoint := kept.read(0)) is not None:
            checkpoint.to_net(net)


def test_nothing_of_a_checkpoint_is_pickled(tmp_path):
    kept = Checkpoints(tmp_path, {"run": "x"})
    net = small()
    kept.write(0, Checkpoint.of(net, torch.optim.SGD(net.parameters(), 0.1), 3, {"epochs": []}))
    tensors = load_file(kept.path(0))
    save_file(tensors, tmp_path / "again.safetensors")
    assert json.dumps(sorted(tensors))


def test_what_was_measured_otherwise_is_not_trained_again(tmp_path):
    first = run(order(tmp_path, "mlp_sparse"))
    phases = []
    more = replace(order(tmp_path, "mlp_sparse"), codecs=("int8", "float32"))
    second = run(more, lambda phase, *_: phases.append(phase))
    assert "train" not in phases
    assert second.digest != first.digest
    assert [e.readings for e in second.exits] == [e.readings for e in first.exits]
    assert second.training == first.training
    assert second.budget == first.budget
    assert second.notes["trained"]["created"] == first.created
    assert {"payload.int8", "payload.float32"} <= set(second.cuts[1].readings)


def test_a_record_is_measured_again_on_demand_and_its_weights_must_be_its_own(tmp_path):
    request = order(tmp_path, "mlp_pruned")
    first = run(request)
    phases = []
    second = run(request, lambda phase, *_: phases.append(phase), measure=True)
    assert "train" not in phases
    assert [e.readings for e in second.exits] == [e.readings for e in first.exits]
    path = ResolvedRun.of(request).files.weights
    other = order(tmp_path / "other", "mlp_pruned", seed=1)
    run(other)
    path.write_bytes(ResolvedRun.of(other).files.weights.read_bytes())
    with pytest.raises(SeesawError, match="not the file that"):
        run(request, measure=True)
    path.unlink()
    with pytest.raises(SeesawError, match=r"not its weights .* --again"):
        run(request, measure=True)
    run(request, lambda phase, *_: phases.append(phase), again=True, measure=True)
    assert "train" in phases
