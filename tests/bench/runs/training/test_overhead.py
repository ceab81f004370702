"""What a method's training costs beside the dense network's, against clocks that the tests turn."""

from pathlib import Path

import pytest
import torch

from bench import Method
from bench.kinds.build import assemble
from bench.runs.request import RunRequest
from bench.runs.run import run
from bench.runs.training.budget import Budget
from bench.runs.training.overhead import NAME, SHORTEST, Overhead
from bench.testing import AllExits, TinyBackbone, TinyTask

CPU = torch.device("cpu")


class Slow(Method):
    """Trains as dense does, and takes as long again between its steps."""

    def fit(self, net, train):
        clock.tick(5.0)
        train(net, after_step=lambda step: clock.tick(0.5))


class Clock:
    """Half a second a step, and whatever a test adds."""

    now = 0.0

    def tick(self, seconds):
        self.now += seconds


clock = Clock()


def budget(epochs):
    task = TinyTask()
    recipe = task.about().recipe.model_copy(update={"epochs": epochs})
    return Budget(task.data(Path(), 0).lent, recipe, AllExits().loss, 0, CPU, clock=lambda: clock.now)


def build():
    torch.manual_seed(0)
    return assemble(TinyBackbone(), TinyTask().about(), AllExits())


@pytest.fixture
def turned(monkeypatch):
    """A step of the optimiser takes half a second of the test's clock."""
    step = torch.optim.SGD.step

    def slow(self, *words, **named):
        clock.tick(0.5)
        return step(self, *words, **named)

    monkeypatch.setattr(torch.optim.SGD, "step", slow)


def test_a_method_that_does_as_much_again_between_its_steps_takes_twice_as_long(turned):
    lent = budget(20)
    overhead = Overhead(build, lent, AllExits())
    overhead.probe()
    net, begun = build(), clock.now
    Slow().fit(net, lent)
    between = clock.now - begun - lent.log.lent
    overhead.probe()
    reading = overhead.reading(between + lent.log.work)
    assert lent.steps == 160
    assert between == pytest.approx(5)
    assert reading.value == pytest.approx((160 * 1.0 + 5) / (160 * 0.5))
    assert reading.n == 2
    assert reading.low <= reading.value <= reading.high


def test_timing_dense_steps_changes_nothing_that_is_random(turned):
    lent = budget(20)
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    Overhead(build, lent, AllExits()).probe()
    assert torch.equal(torch.rand(4), expected)
    assert lent.log.steps == 0


def test_a_short_training_is_not_timed():
    lent = budget(1)
    assert lent.steps < SHORTEST
    overhead = Overhead(build, lent, AllExits())
    overhead.probe()
    assert overhead.reading(1.0) is None


def test_a_record_holds_it_and_measured_again_keeps_it(tmp_path):
    places = {name: tmp_path / name for name in ("records", "runs", "data")}
    small = {"policies": ("confidence",), "codecs": ("int8",), "meters": ("macs", "storage")}
    request = RunRequest(task="blobs", model="mlp_snip", recipe={"epochs": "12"}, **small, **places)
    first = run(request)
    assert first.net[NAME].unit == "x"
    again = run(request, measure=True)
    assert again.net[NAME] == first.net[NAME]
    assert run(request, again=True).untimed() == first.untimed()
