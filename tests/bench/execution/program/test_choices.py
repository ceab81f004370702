import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from bench import Net, Sample
from bench.errors import SeesawError
from bench.execution import native
from bench.execution.chain.chain import chain_of
from bench.execution.fast import fast
from bench.execution.program.choices import Choices, choices, quickest
from bench.execution.program.forms import forms_of
from bench.kinds.meter import Subject
from bench.measuring.meters.latency import Latency
from tests.bench.ticks import Ticks

built = pytest.mark.usefixtures("compiler")


@pytest.fixture
def net():
    net = Net([nn.Linear(32, 48), nn.ReLU()], Sample((32,)), 3)
    net.hang(1, nn.Linear(48, 3))
    return net.eval()


@built
def test_choices_are_measured_once_and_kept_with_the_machine(net, fresh, monkeypatch):
    chain_of(net, net, net.sample.blank(), 1)
    (file,) = fresh.glob("forms-*.json")
    content = json.loads(file.read_text())
    assert len(content["forms"]) == 2
    assert content["machine"][-1] == f"{torch.get_num_threads()} threads"
    choices.cache_clear()
    monkeypatch.setattr("bench.execution.program.choices.fastest", lambda *_: pytest.fail("measured again"))
    chain_of(net, net, net.sample.blank(), 1)


@built
@pytest.mark.parametrize("content", ["", "[]", "{", '{"forms": 3}', '{"forms": {"k": 1}}', "[" * 5000])
def test_a_broken_file_of_choices_is_as_good_as_none(content, net, fresh):
    Choices(fresh, torch.get_num_threads()).path.write_text(content)
    choices.cache_clear()
    chain_of(net, net, net.sample.blank(), 1)
    (file,) = fresh.glob("forms-*.json")
    assert len(json.loads(file.read_text())["forms"]) == 2


@built
def test_a_choice_that_no_kernel_has_is_measured_anew(net, fresh):
    chain_of(net, net, net.sample.blank(), 1)
    (file,) = fresh.glob("forms-*.json")
    content = json.loads(file.read_text())
    content["forms"] = dict.fromkeys(content["forms"], "runs 4000")
    file.write_text(json.dumps(content))
    choices.cache_clear()
    chain_of(net, net, net.sample.blank(), 1)
    assert "runs 4000" not in file.read_text()


@built
def test_a_folder_that_cannot_be_written_only_costs_the_choices(net, fresh):
    file = fresh / "a file, no folder"
    file.write_text("")
    unkept = Choices(file / "below", 1)
    unkept.new = {"a": "runs 8"}
    unkept.keep()
    chain_of(net, net, net.sample.blank(), 1, lambda layer, room: forms_of(layer)[0])


def test_two_processes_that_choose_at_once_go_on_with_one_choice(tmp_path):
    one, other = Choices(tmp_path, 1), Choices(tmp_path, 1)
    assert one.shared_choice("kind", ["a", "b"], lambda: "b") == "b"
    assert other.shared_choice("kind", ["a", "b"], lambda: pytest.fail("measured again")) == "b"
    assert other.shared_choice("kind", ["a", "c"], lambda: "c") == "c"  # the kept one is none of these
    assert Choices(tmp_path, 1).forms == {"kind": "c"}


def test_without_a_compiler_networks_run_by_torch_and_the_reading_says_so(tmp_path):
    """In a process of its own, whose path has no compiler and whose cache is empty."""
    code = (
        "import torch; from torch import nn; from bench import Net, Sample, Subject;"
        "from bench.measuring.meters.latency import Latency;"
        "net = Net([nn.Linear(8, 8)], Sample((8,)), 3); net.hang(0, nn.Linear(8, 3));"
        "measured = Latency(rounds=3, seconds=0.1).measure(Subject(net.eval(), torch.device('cpu')));"
        "print(measured.notes['no native chain']); print(measured.exits[0]['latency'].source)"
    )
    env = os.environ | {"PATH": str(tmp_path), "SEESAW_CACHE": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=100, check=True)  # fmt: skip
    reason, source = done.stdout.splitlines()
    assert "there is no C++ compiler" in reason
    assert source.endswith("dense kernels")


def test_a_compiler_that_fails_is_a_reason_too(tmp_path):
    broken = tmp_path / "c++"
    broken.write_text("#!/bin/sh\necho 'kernels.cpp:1:1: error: no such thing' >&2\nexit 1\n")
    broken.chmod(0o755)
    env = os.environ | {"CXX": str(broken), "SEESAW_CACHE": str(tmp_path)}
    code = "from bench.execution import native; print(native.why_no_kernels())"
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=100, check=True)  # fmt: skip
    assert "the native kernels were not built" in done.stdout


def test_without_a_home_networks_run_by_torch_and_choices_last_as_long_as_the_process(monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("SEESAW_CACHE", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert "Name another: SEESAW_CACHE" in native.kernels.__wrapped__()
    own = choices.__wrapped__(1)
    assert own.shared_choice("kind", ["a", "b"], lambda: "b") == "b"
    assert own.shared_choice("kind", ["a", "b"], lambda: pytest.fail("measured again")) == "b"
    own.keep()


def test_a_cache_that_cannot_be_locked_is_a_reason_too(monkeypatch, tmp_path):
    def locked(path):
        raise SeesawError(f"{path} cannot be locked")

    monkeypatch.setenv("SEESAW_CACHE", str(tmp_path))
    monkeypatch.setattr(native, "alone", locked)
    assert "cannot be locked" in native.kernels.__wrapped__()


def test_kernels_may_be_left_out(monkeypatch):
    monkeypatch.setenv("SEESAW_NATIVE", "0")
    assert "SEESAW_NATIVE=0" in native.kernels.__wrapped__()


def test_a_form_is_not_judged_by_the_cache_that_another_filled():
    cache, clock = ["nobody's"], Ticks()

    def job(name, cold, warm):
        def run():
            clock.now += warm if cache[0] == name else cold
            cache[0] = name

        return run

    assert quickest([job("a", 0.009, 0.001), job("b", 0.005, 0.003)], clock=clock) == 0


@built
def test_a_sparse_network_of_some_size_runs_fastest_as_a_chain():
    from bench import mask_from

    layer, line = nn.Linear(1024, 1024), "shared[density=0.0625]@0"
    net = Net([layer], Sample((1024,)), 3)
    net.hang(0, nn.Linear(1024, 3))
    from bench import hide

    hide(layer, mask_from(line, (1024, 1024)), line)
    chosen = fast(net.eval().whole(), torch.randn(1, 1024))
    assert chosen.way.name == "native chain, 1 side by side"
    assert chosen.reason is None
    measured = Latency(rounds=3, seconds=0.1).measure(Subject(net, torch.device("cpu")))
    assert measured.exits[0]["latency"].source.endswith("batch 1, native chain, 1 side by side")


def test_networks_on_whole_numbers_run_by_torch():
    net = Net([nn.Embedding(5, 4), nn.Flatten()], Sample((3,), torch.int64), 2)
    net.hang(1, nn.Linear(12, 2))
    chosen = fast(net.eval().whole(), torch.zeros(1, 3, dtype=torch.int64))
    assert chosen.way.name == "dense kernels"
    assert "float32" in str(chosen.reason)
