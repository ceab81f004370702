"""Curves of operating points, against loops over samples; a policy sees no test label.

Covers: bench/replay/exits/decide.py
"""

import sys

import numpy as np
import pytest
import torch

from baselines.policies.confidence import Confidence
from baselines.policies.entropy import Entropy
from baselines.policies.fixed import Fixed
from baselines.policies.oracle import Oracle
from bench import Policy, Reference, SeesawError, Trace
from bench.kinds.policy import decides_alone
from bench.plugins.plugin import choose, entries
from bench.replay.exits.curve import curve
from bench.replay.exits.decide import decide, leave, leaves_now
from bench.testing.policies import Replayed

COSTS = torch.tensor([10.0, 25.0, 60.0], dtype=torch.float64)


def random_trace(samples=300, seed=0, exits=3, classes=5):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(classes, (samples,), generator=generator)
    logits = torch.randn(exits, samples, classes, generator=generator)
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


QUICK = {"eenet": "eenet[budgets=3,steps=20]"}
EVERY = [choose(Policy, QUICK.get(name, name)).plugin for name in entries("policy")]
EVERY = [policy for policy in EVERY if decides_alone(policy)]
DECIDING = [policy for policy in EVERY if not isinstance(policy, Reference)]


def name_of(policy):
    return type(policy).__name__


@pytest.mark.parametrize("policy", DECIDING, ids=name_of)
def test_test_labels_move_no_state_and_no_exit(policy):
    calibration, test = random_trace(seed=1), random_trace(seed=2)
    changed = Trace(test.logits, test.labels.flip(0), test.costs)
    for one, other in zip(curve(policy, calibration, test), curve(policy, calibration, changed), strict=True):
        assert one.state.keys() == other.state.keys()
        assert all(torch.equal(one.state[name], other.state[name]) for name in one.state)
        assert torch.equal(one.test.exits, other.test.exits)


class Peeking(Confidence):
    """Climbs its callers' frames, and looks into what they hold, for labels."""

    def score(self, logits):
        frame = sys._getframe()
        while frame is not None:
            for value in list(frame.f_locals.values()):
                SEEN.extend([value, *getattr(value, "__dict__", {}).values()])
            frame = frame.f_back
        return super().score(logits)


SEEN = []


class Scribbling(Confidence):
    """Writes into all that it is handed."""

    def score(self, logits):
        scores = super().score(logits)
        logits.zero_()
        return scores

    def learn(self, logits, labels, costs, points):
        states = super().learn(logits, labels, costs, points)
        for one in (logits, labels, costs):
            one.zero_()
        return states


def test_what_a_policy_writes_into_what_it_is_handed_moves_no_number():
    calibration, test = random_trace(seed=1), random_trace(seed=2)
    expected = [(point.test.cost, point.test.accuracy) for point in curve(Confidence(), calibration, test)]
    points = curve(Scribbling(), calibration, test)
    assert [(point.test.cost, point.test.accuracy) for point in points] == expected
    for one, seed in ((calibration, 1), (test, 2)):
        untouched = random_trace(seed=seed)
        for name in ("logits", "labels", "costs"):
            assert torch.equal(getattr(one, name), getattr(untouched, name))


def test_a_policy_that_climbs_its_callers_frames_finds_no_test_labels():
    def sees_labels_of(trace):
        return any(value is trace.labels for value in SEEN)

    calibration, test = random_trace(seed=1), random_trace(seed=2)
    SEEN.clear()
    curve(Peeking(), calibration, test)
    assert SEEN
    assert not sees_labels_of(test)
    decide(Peeking(), [{"thresholds": torch.zeros(3)}], test.logits)  # called by who holds labels, it would
    assert sees_labels_of(test)
    SEEN.clear()


@pytest.mark.parametrize("policy", DECIDING, ids=name_of)
def test_replay_and_a_walk_agree_on_every_sample(policy):
    calibration, test = random_trace(seed=1), random_trace(samples=97, seed=2)
    test.logits[0, 3], test.logits[1, 4] = float("nan"), float("nan")
    net, numbers = Replayed(test.logits), torch.arange(97.0)[:, None]
    for point in curve(policy, calibration, test)[::4]:
        leave_ = leaves_now(policy, point.state)
        assert torch.equal(net.walk(numbers, leave_).exits, point.test.exits)
        assert [int(net.walk(one, leave_).exits) for one in numbers.split(1)] == point.test.exits.tolist()


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


ODD = {
    "one exit": random_trace(exits=1),
    "one sample": random_trace(samples=1),
    "equal logits": Trace(torch.zeros(3, 6, 5), torch.arange(6) % 5, COSTS),
    "always right": Trace(20 * torch.eye(5).expand(3, 5, 5).clone(), torch.arange(5), COSTS),
    "always wrong": Trace(20 * torch.eye(5).expand(3, 5, 5).clone(), (torch.arange(5) + 1) % 5, COSTS),
    "two classes": random_trace(classes=2),
    "equal costs": Trace(random_trace().logits, random_trace().labels, torch.full((3,), 10.0).double()),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("policy", EVERY, ids=name_of)
def test_odd_traces_have_curves_whose_counts_are_all_samples(policy, odd):
    trace = ODD[odd]
    points = curve(policy, trace, trace)
    assert points
    for point in points:
        assert int(point.test.left.sum()) == len(trace.labels)
        assert point.test.right == int(trace.correct[point.test.exits, torch.arange(len(trace.labels))].sum())
        assert all(not value.isnan().any() for value in (point.state or {}).values())


def test_of_samples_whose_scores_are_equal_all_leave_or_none():
    flat = ODD["equal logits"]
    for policy in DECIDING:
        for point in curve(policy, flat, flat):
            assert 6 in point.test.left.tolist(), policy


@pytest.mark.parametrize("policy", DECIDING, ids=name_of)
def test_an_exit_whose_logits_are_nan_lets_nobody_leave(policy):
    trace = random_trace()
    trace.logits[:2, 0], trace.logits[0, 1], trace.logits[:, 2] = float("nan"), float("nan"), float("nan")
    for point in curve(policy, trace, trace):
        assert point.test.exits[0] == point.test.exits[2] == 2
        assert point.test.exits[1] > 0


@pytest.mark.parametrize("policy", EVERY, ids=name_of)
def test_nothing_but_nan_is_all_wrong_at_the_last_exit_or_a_sentence(policy):
    trace = Trace(torch.full((3, 6, 5), float("nan")), torch.zeros(6, dtype=torch.long), COSTS)
    if type(policy).learn is not Policy.learn:
        with pytest.raises(SeesawError, match="no policy can learn"):
            curve(policy, trace, trace)
        return
    points = curve(policy, trace, trace)
    assert {point.test.right for point in points} == {0}
    assert isinstance(policy, Reference) or {point.test.cost for point in points} == {60.0}


def test_a_sample_leaves_at_the_first_exit_that_is_ready_and_at_the_last_in_any_case():
    ready = torch.tensor([[0, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 1]], dtype=torch.bool)
    assert leave(ready).tolist() == [1, 0, 2, 2]


def test_a_traces_parts_must_fit():
    with pytest.raises(SeesawError, match="do not fit"):
        Trace(torch.zeros(3, 5, 2), torch.zeros(4), COSTS)
    with pytest.raises(SeesawError, match="says nothing"):
        Trace(torch.zeros(3, 0, 2), torch.zeros(0), COSTS)


def test_a_point_has_its_outcome_on_the_split_it_was_set_on_too():
    calibration, test = random_trace(seed=1), random_trace(seed=2)
    swapped = curve(Confidence(), calibration, calibration)
    for point, same in zip(curve(Confidence(), calibration, test), swapped, strict=True):
        assert point.calibration.accuracy == same.test.accuracy
        assert point.calibration.cost == same.test.cost
