import math

import pytest
import torch

from bench import Policy, Trace
from bench.plugins.plugin import choose
from bench.replay.exits.curve import curve
from bench.replay.exits.shipped import recorded, shipped_by


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
    block, states = recorded(choice, calibration, test)
    points = curve(choice.plugin, calibration, test)
    assert block.policy == spec
    assert block.reference == (spec == "oracle")
    for point, outcome, left in zip(points, block.outcomes, block.test.left, strict=True):
        assert sum(left) == 150
        assert outcome.accuracy == point.test.accuracy
        assert outcome.macs == pytest.approx(point.test.cost, rel=1e-12)
        assert outcome.shares == point.test.shares.tolist()
        if point.calibration is not None:
            assert outcome.calibration_accuracy == point.calibration.accuracy
            assert outcome.calibration_macs == pytest.approx(point.calibration.cost, rel=1e-12)
    assert len(states) == (0 if block.reference else len(points))


def test_thresholds_that_alone_decide_are_recorded_exactly_and_others_not():
    calibration, test = random_trace(0), random_trace(1)
    block, states = recorded(choose(Policy, "confidence"), calibration, test)
    for row, state in zip(block.thresholds, states, strict=True):
        again = torch.tensor([math.inf if value is None else value for value in row])
        assert torch.equal(again, state["thresholds"])
    for spec in ("gates", "eenet[steps=5]", "oracle"):
        assert recorded(choose(Policy, spec), calibration, test)[0].thresholds == []


def test_every_policy_is_shipped_at_its_curves_point_and_no_reference_is():
    calibration, test = random_trace(0, 90), random_trace(1)
    choices = [choose(Policy, spec) for spec in ("confidence", "oracle", "fixed", "entropy", "margin")]
    pairs = {choice.spec: recorded(choice, calibration, test) for choice in choices[:-1]}
    states = {spec: points for spec, (_, points) in pairs.items() if spec != "entropy"}
    shipped = shipped_by(choices, [block for block, _ in pairs.values()], states)
    assert [one.spec for one in shipped] == ["confidence", "fixed"]  # entropy has no states, margin no curve
    for one in shipped:
        assert one.point == pairs[one.spec][0].shipped
        assert one.state is states[one.spec][one.point]
