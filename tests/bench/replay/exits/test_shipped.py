import math

import pytest
import torch

from bench import Policy, Trace
from bench.plugins.plugin import choose
from bench.replay.exits.curve import curve
from bench.replay.exits.shipped import recorded


def random_trace(seed, samples=150):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(3, samples, 4, generator=generator)
    labels = (logits[2] + torch.randn(samples, 4, generator=generator)).argmax(1)
    return Trace(logits, labels, torch.tensor([10.0, 25.0, 60.0]).double())


@pytest.mark.parametrize(
    "spec", ["confidence", "fixed", "gates", "eenet[steps=5]", "random[seed=2]", "oracle"]
)
def test_a_record_holds_the_curve_to_the_sample(spec):
    choice, calibration, test = choose(Policy, spec), random_trace(0, 90), random_trace(1)
    told, states = recorded(choice, calibration, test)
    points = curve(choice.plugin, calibration, test)
    assert told.policy == spec
    assert told.reference == (spec == "oracle")
    for point, outcome, left in zip(points, told.outcomes, told.test.left, strict=True):
        assert sum(left) == 150
        assert outcome.accuracy == point.test.accuracy
        assert outcome.macs == pytest.approx(point.test.cost, rel=1e-12)
        assert outcome.shares == point.test.shares.tolist()
        if point.calibration is not None:
            assert outcome.calibration_accuracy == point.calibration.accuracy
            assert outcome.calibration_macs == pytest.approx(point.calibration.cost, rel=1e-12)
    assert len(states) == (0 if told.reference else len(points))


def test_thresholds_that_alone_decide_are_told_exactly_and_others_not():
    calibration, test = random_trace(0), random_trace(1)
    told, states = recorded(choose(Policy, "confidence"), calibration, test)
    for row, state in zip(told.thresholds, states, strict=True):
        again = torch.tensor([math.inf if value is None else value for value in row])
        assert torch.equal(again, state["thresholds"])
    for spec in ("gates", "eenet[steps=5]", "oracle"):
        assert recorded(choose(Policy, spec), calibration, test)[0].thresholds == []
