import numpy as np
import pytest
import torch

from baselines.policies.confidence import Confidence
from baselines.policies.entropy import Entropy
from baselines.policies.fixed import Fixed
from baselines.policies.oracle import Oracle
from bench import SeesawError, Trace
from bench.replay.curve import curve, leave

COSTS = torch.tensor([10.0, 25.0, 60.0], dtype=torch.float64)


def random_trace(samples=300, seed=0, exits=3):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(5, (samples,), generator=generator)
    logits = torch.randn(exits, samples, 5, generator=generator)
    logits[:, torch.arange(samples), labels] += torch.linspace(0.5, 2.5, exits)[:, None]
    return Trace(logits, labels, COSTS[:exits])


def softmax(row):
    e = np.exp(row - row.max())
    return e / e.sum()


READY = {
    Confidence: lambda row: softmax(row).max(),
    Entropy: lambda row: float((softmax(row) * np.log(softmax(row))).sum()),
}


@pytest.mark.parametrize("kind", READY)
def test_a_curve_is_what_a_loop_over_samples_gives(kind):
    calibration, test = random_trace(seed=1), random_trace(seed=2)
    for point in curve(kind(), calibration, test, points=9):
        right, cost, left = 0, 0.0, [0, 0, 0]
        for sample in range(300):
            for place in range(3):
                row = test.logits[place, sample].double().numpy()
                if place == 2 or READY[kind](row) >= float(point.thresholds[place]):
                    break
            right += int(row.argmax() == test.labels[sample])
            cost += COSTS[place].item()
            left[place] += 1
        assert point.test.accuracy == pytest.approx(right / 300, abs=1 / 300)
        assert point.test.cost == pytest.approx(cost / 300, rel=5e-3)
        assert torch.allclose(point.test.shares, torch.tensor(left).double() / 300, atol=1 / 300)


def test_a_curve_runs_from_never_leaving_early_to_always():
    points = curve(Confidence(), random_trace(seed=1), random_trace(seed=2))
    assert points[0].test.cost == 60
    assert points[-1].test.cost <= 10.5
    assert len(points) == 40


@pytest.mark.parametrize("policy", [Confidence(), Entropy(), Fixed()])
def test_test_labels_move_no_threshold_and_no_exit(policy):
    calibration, test = random_trace(seed=1), random_trace(seed=2)
    changed = Trace(test.logits, test.labels.flip(0), test.costs)
    for one, other in zip(curve(policy, calibration, test), curve(policy, calibration, changed), strict=True):
        assert torch.equal(one.thresholds, other.thresholds)
        assert torch.equal(one.test.exits, other.test.exits)


def test_fixed_has_a_point_for_every_exit():
    points = curve(Fixed(), random_trace(seed=1), random_trace(seed=2))
    assert [point.test.cost for point in points] == [60, 25, 10]
    assert [point.test.shares.tolist() for point in points] == [[0, 0, 1], [0, 1, 0], [1, 0, 0]]


def test_the_oracle_takes_the_cheapest_right_exit_and_the_cheapest_where_none_is():
    logits = torch.zeros(3, 4, 2)
    right = torch.tensor([[1, 0, 0, 0], [0, 1, 0, 0], [1, 1, 1, 0]], dtype=torch.bool)
    logits[..., 1] = torch.where(right, 1.0, -1.0)
    (point,) = curve(Oracle(), None, Trace(logits, torch.ones(4, dtype=torch.long), COSTS))
    assert point.test.exits.tolist() == [0, 1, 2, 0]
    assert point.test.accuracy == 0.75
    assert point.test.cost == (10 + 25 + 60 + 10) / 4


def test_one_exit_or_one_sample_or_equal_confidences_still_give_a_curve():
    single = random_trace(exits=1)
    assert {point.test.cost for point in curve(Confidence(), single, single)} == {10.0}
    one = random_trace(samples=1)
    assert curve(Confidence(), one, one)[0].test.exits.tolist() == [2]
    flat = Trace(torch.zeros(3, 6, 5), torch.zeros(6, dtype=torch.long), COSTS)
    points = curve(Confidence(), flat, flat)
    assert [point.test.cost for point in points] == [60, 10]


def test_a_sample_whose_logits_are_nan_never_leaves_early():
    scores = torch.tensor([[float("nan"), 0.9], [float("nan"), 0.9]])
    assert leave(scores, torch.tensor([0.5, 0.5])).tolist() == [1, 0]
    trace = random_trace()
    trace.logits[:, 0] = float("nan")
    assert all(point.test.exits[0] == 2 for point in curve(Confidence(), trace, trace))


def test_a_traces_parts_must_fit():
    with pytest.raises(SeesawError, match="do not fit"):
        Trace(torch.zeros(3, 5, 2), torch.zeros(4), COSTS)


def test_a_point_tells_what_it_came_to_on_the_split_it_was_set_on():
    calibration, test = random_trace(seed=1), random_trace(seed=2)
    swapped = curve(Confidence(), calibration, calibration)
    for point, same in zip(curve(Confidence(), calibration, test), swapped, strict=True):
        assert point.calibration.accuracy == same.test.accuracy
        assert point.calibration.cost == same.test.cost
