"""Meters of storage, latency and memory.

Covers: bench/measuring/meters/latency.py, bench/measuring/meters/memory.py,
    bench/measuring/meters/storage.py, bench/kinds/meter.py
"""

import pytest
import torch
from torch import nn

from bench import Net, Sample, Subject, hide, mask_from, pack
from bench.execution.backends import chained
from bench.execution.clock import Times
from bench.execution.unsupported import Unsupported
from bench.measuring.meters.latency import Latency, out_of_order
from bench.measuring.meters.memory import Memory, peak
from bench.measuring.meters.storage import Storage
from bench.network.linked import Linked
from bench.network.net import Part, ToExit
from bench.records.notes import OUT_OF_ORDER

CPU = torch.device("cpu")


@pytest.fixture
def net():
    net = Net([nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 16)], Sample((16,)), 4)
    net.hang(0, nn.Linear(32, 4))
    net.hang(2, nn.Linear(16, 4))
    return net.eval()


def test_storage_is_the_length_of_what_pack_wrote(net):
    line = "sparse[density=0.25]@0"
    hide(net.stages[0], mask_from(line, (32, 16)), line)
    measured = Storage().measure(Subject(net.eval(), CPU))
    assert set(measured.exits[0]) == {
        "bytes.dense",
        "bytes.bitmap",
        "bytes.indexed",
        "bytes.delta",
        "bytes.mixed",
        "bytes.pattern",
    }
    assert measured.exits[1]["bytes.bitmap"].value == len(pack(net, "bitmap"))
    assert measured.exits[0]["bytes.pattern"].value == len(pack(Part(net, 0, 1), "pattern"))
    assert measured.cuts[1]["bytes.pattern.device"] == measured.exits[0]["bytes.pattern"]
    assert "bytes.pattern" not in measured.absent


def test_a_mask_without_a_pattern_has_no_pattern_bytes_and_a_reason(net):
    hide(net.stages[0], torch.rand(32, 16) < 0.5)
    measured = Storage().measure(Subject(net.eval(), CPU))
    assert "bytes.pattern" not in measured.exits[1]
    assert "no pattern" in measured.absent["bytes.pattern"]


def test_latency_has_a_reading_for_every_exit_and_for_both_parts_of_every_cut(net):
    measured = Latency(rounds=5).measure(Subject(net.eval(), CPU))
    assert [sorted(measured.cuts[k]) for k in range(4)] == [
        ["latency.server"],
        ["latency.device", "latency.server"],
        ["latency.device", "latency.server"],
        ["latency.device"],
    ]
    for reading in (measured.exits[0]["latency"], measured.exits[1]["latency"]):
        assert 0 < reading.low <= reading.value <= reading.high
        assert reading.n >= 3
        assert "cpu" in reading.source


def test_the_head_of_an_early_exit_is_timed_alone_where_it_reads_no_other_logits():
    net = Net([nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 64)], Sample((64,)), 2)
    net.hang(0, nn.Sequential(Slow(), nn.Linear(64, 2)))
    net.hang(1, Adding(nn.Linear(64, 2)))
    net.hang(2, nn.Linear(64, 2))
    measured = Latency(rounds=5).measure(Subject(net.eval(), CPU))
    assert ["latency.head" in measured.exits[n] for n in range(3)] == [True, False, False]
    alone = measured.exits[0]["latency.head"]
    assert alone.source == measured.exits[0]["latency"].source
    assert alone.value > 0.5 * measured.exits[0]["latency"].value  # nearly all of it is the head


class Adding(Linked):
    def __init__(self, head):
        super().__init__()
        self.head = head

    def forward(self, x, earlier):
        return self.head(x) + sum(earlier)


class Slow(nn.Module):
    def forward(self, x):
        for _ in range(300):
            x = torch.tanh(x)
        return x


def test_latency_grows_with_the_work_on_the_way():
    net = Net([nn.Linear(64, 64), Slow()], Sample((64,)), 2)
    net.hang(0, nn.Linear(64, 2))
    net.hang(1, nn.Linear(64, 2))
    measured = Latency(rounds=7).measure(Subject(net.eval(), CPU))
    assert measured.exits[1]["latency"].value > 2 * measured.exits[0]["latency"].value
    assert measured.cuts[1]["latency.server"].value > measured.cuts[1]["latency.device"].value


def test_the_dense_parent_is_timed_in_turn_at_the_exits_that_both_have(net):
    def parent():
        slow = Net([nn.Linear(64, 64), Slow()], Sample((64,)), 2)
        slow.hang(1, nn.Linear(64, 2))
        return slow

    fast = Net([nn.Linear(64, 64), nn.Identity()], Sample((64,)), 2)
    fast.hang(0, nn.Linear(64, 2))
    fast.hang(1, nn.Linear(64, 2))
    measured = Latency(rounds=7).measure(Subject(fast.eval(), CPU, parent=parent))
    assert "speedup" not in measured.exits[0]
    ratio = measured.exits[1]["speedup"]
    assert ratio.unit == "x"
    assert ratio.n >= 3
    assert 2 < ratio.low <= ratio.value <= ratio.high
    assert "in turn" in ratio.source
    alone = Latency(rounds=3).measure(Subject(fast, CPU))
    assert not any("speedup" in readings for readings in alone.exits.values())


def test_a_parent_with_a_part_that_runs_as_no_chain_is_timed_by_other_kernels(net, monkeypatch):
    def chained(part, run, example, lanes, form=None):
        if part.stop == 1:
            raise Unsupported("No native step does this.")
        return run

    monkeypatch.setattr("bench.execution.backends.chain_of", chained)
    measured = Latency(rounds=3).measure(Subject(net, CPU, parent=lambda: net))
    assert all(readings["speedup"].value > 0 for readings in measured.exits.values())


def test_to_an_exit_nothing_is_timed_that_would_cross_behind_it(net):
    outputs = [len(ToExit(net, stage).run(torch.zeros(1, 16))) for stage in net.exits]
    assert outputs == [1, 2]  # logits alone
    fast_exit = chained(ToExit(net, 0), torch.zeros(1, 16), lanes=1)
    assert [tuple(one.shape) for one in fast_exit(torch.zeros(1, 16))] == [(1, 4)]


def times(*seconds, disturbed=False):
    return Times(list(seconds), list(seconds), [disturbed] * len(seconds))


def test_an_exit_is_out_of_order_when_a_deeper_one_is_faster_beyond_the_quartiles_of_both():
    slow, fast = times(5.0, 5.1, 5.2, 5.3), times(1.0, 1.1, 1.2, 1.3)
    between = times(4.0, 5.0, 5.0, 6.0)
    assert out_of_order(
        {("exit", 0): slow, ("exit", 1): between, ("exit", 2): fast, ("device", 1): fast}
    ) == {0: 2, 1: 2}
    assert out_of_order({("exit", 0): fast, ("exit", 1): between, ("exit", 2): slow}) == {}
    hidden = times(1.0, 1.1, 1.2, 1.3, disturbed=True)
    assert out_of_order({("exit", 0): slow, ("exit", 1): hidden}) == {}


@pytest.mark.parametrize("remains", [True, False])
def test_an_exit_that_is_slower_than_a_deeper_one_is_timed_again_and_doubted_if_that_remains(
    net, monkeypatch, remains
):
    calls = []

    def timed(jobs, *_, **__):
        calls.append(sorted(jobs))
        first = 5.0 if remains or len(calls) == 1 else 0.5
        return {key: times(*(3 * [first if key == ("exit", 0) else 1.0])) for key in jobs}

    monkeypatch.setattr("bench.measuring.meters.latency.timed", timed)
    measured = Latency().measure(Subject(net, CPU, parent=lambda: net))
    assert calls[1] == [("exit", 0), ("exit", 1), ("parent", 0), ("parent", 1)]
    assert measured.notes.get(OUT_OF_ORDER) == ({"0": 1} if remains else None)
    for name in ("latency", "speedup"):
        assert measured.exits[0][name].is_reliable != remains
        assert measured.exits[1][name].is_reliable
    assert measured.exits[0]["latency"].value == (5.0 if remains else 0.5)
    assert measured.cuts[1]["latency.device"].is_reliable


def test_peak_memory_is_the_hand_count(net):
    x = torch.zeros(1, 16)
    # While the ReLU runs, input (16), the linear layer's output (32) and its own output (32) are alive.
    assert peak(Part(net, 0, 2), x) == 4 * (16 + 32 + 32)
    measured = Memory().measure(Subject(net.eval(), CPU))
    assert measured.exits[0]["memory"].value == 4 * (16 + 32 + 4)  # the head's logits too
    assert measured.cuts[2]["memory.device"].value == 4 * (16 + 32 + 32)


class Residual(nn.Module):
    def forward(self, x):
        return x + torch.relu(torch.relu(x) * 2)


def test_peak_memory_counts_what_a_shortcut_keeps_alive():
    net = Net([Residual(), nn.Identity()], Sample((100,)), 2)
    net.hang(1, nn.Linear(100, 2))
    # The input is alive throughout, and of the chain never more than two tensors.
    assert peak(Part(net, 0, 1), torch.zeros(1, 100)) == 4 * 300


def test_peak_memory_to_an_exit_counts_its_head():
    net = Net([nn.Linear(8, 8), nn.Linear(8, 8)], Sample((8,)), 2)
    net.hang(0, nn.Sequential(nn.Linear(8, 1000), nn.Linear(1000, 2)))
    net.hang(1, nn.Linear(8, 2))
    measured = Memory().measure(Subject(net, torch.device("cpu")))
    assert measured.exits[0]["memory"].value >= 4 * 1000
    assert measured.cuts[1]["memory.device"].value == 4 * 16


def test_times_of_a_machine_that_is_always_disturbed_say_so(monkeypatch):
    net = Net([nn.Linear(8, 8)], Sample((8,)), 2)
    net.hang(0, nn.Linear(8, 2))
    subject = Subject(net.eval(), CPU, parent=lambda: net)
    seconds = iter(range(1 << 20))
    monkeypatch.setattr("bench.machine.Clock.waiting", lambda clock: lambda: float(next(seconds)))
    readings = Latency(rounds=5, seconds=0.05).measure(subject).exits[0]
    for name in ("latency", "speedup"):
        assert readings[name].disturbed == readings[name].n >= 3
    monkeypatch.setattr("bench.machine.Clock.waiting", lambda clock: lambda: 0.0)
    readings = Latency(rounds=5, seconds=60.0).measure(subject).exits[0]
    assert (readings["latency"].n, readings["latency"].disturbed) == (5, 0)
    assert readings["latency"].processor > 0
