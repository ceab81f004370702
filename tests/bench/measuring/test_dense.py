"""The dense network beside a sparse one: in our ways, and in the fastest there is."""

import time

import pytest
import torch
from torch import nn

from bench import Net, Sample
from bench.execution.backends import Way
from bench.kinds.meter import Subject
from bench.measuring import dense
from bench.measuring.meters.latency import Latency
from bench.records.notes import DENSE_WAYS, FASTEST

CPU = torch.device("cpu")
LATENCY = Latency(rounds=3, seconds=0.1)


class Slow(nn.Module):
    def forward(self, x):
        for _ in range(300):
            x = torch.tanh(x)
        return x


def net_of(first=nn.Identity):
    torch.manual_seed(0)
    net = Net([nn.Sequential(nn.Linear(8, 8), first()), nn.Linear(8, 8)], Sample((8,)), 2)
    net.hang(0, nn.Linear(8, 2))
    net.hang(1, nn.Linear(8, 2))
    return net.eval()


def engine(name, seconds=0.0):
    """An engine that takes so long."""

    def prepare(part, x):
        def run(x):
            if seconds:
                time.sleep(seconds)
            return [x]

        return run

    return Way(name, prepare)


@pytest.fixture
def with_engines(monkeypatch):
    def set_engines(*ways, **reasons):
        monkeypatch.setattr(
            dense, "engines_of", lambda part, x: ([(way, way.prepare(part, x)) for way in ways], reasons)
        )

    return set_engines


def test_a_faster_engine_is_what_the_network_is_held_against(with_engines):
    with_engines(engine("Quick 1.0"), engine("Slow 2.0", 0.01), Other="not installed")
    measured = LATENCY.measure(Subject(net_of(), CPU, parent=lambda: net_of(Slow)))
    for readings in measured.exits.values():
        assert "(Quick 1.0)" in readings[FASTEST].source
        assert readings[FASTEST].value < readings["speedup"].value
    rows = {row["way"]: row for row in measured.notes[DENSE_WAYS]}
    assert rows["Quick 1.0"]["seconds"] < rows["Slow 2.0"]["seconds"]
    assert rows["Other"] == {"way": "Other", "reason": "not installed"}
    assert FASTEST not in measured.absent


def test_a_slower_engine_leaves_our_own_way_the_fastest(with_engines):
    with_engines(engine("Slow 2.0", 0.01))
    measured = LATENCY.measure(Subject(net_of(), CPU, parent=net_of))
    for readings in measured.exits.values():
        assert readings[FASTEST].value == readings["speedup"].value
        assert "Slow" not in readings[FASTEST].source
    alone = LATENCY.measure(Subject(net_of(), CPU))
    assert not any(FASTEST in readings for readings in alone.exits.values())
    assert DENSE_WAYS in alone.notes


def test_a_dense_network_is_held_against_a_faster_engine_too(with_engines):
    with_engines(engine("Quick 1.0"))
    measured = LATENCY.measure(Subject(net_of(Slow), CPU))
    for readings in measured.exits.values():
        assert 0 < readings[FASTEST].value < 1
        assert "speedup" not in readings


def test_without_an_engine_there_is_a_reason_and_no_reading(with_engines):
    with_engines(Other="not installed")
    measured = LATENCY.measure(Subject(net_of(), CPU, parent=net_of))
    assert "(Other: not installed)" in measured.absent[FASTEST]
    assert all("speedup" in readings and FASTEST not in readings for readings in measured.exits.values())


def test_an_engine_that_takes_the_whole_and_no_part_of_it_is_left_out(with_engines):
    quick = engine("Quick 1.0")

    def prepare(part, x):
        if part.stop == 1:
            raise RuntimeError("no such operator")
        return quick.prepare(part, x)

    with_engines(Way("Quick 1.0", prepare))
    measured = LATENCY.measure(Subject(net_of(), CPU, parent=lambda: net_of(Slow)))
    assert "Quick 1.0: does not run to every exit (no such operator)" in measured.absent[FASTEST]
