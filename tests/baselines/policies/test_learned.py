"""Policies that learn: what they may not know they do not use."""

import pytest
import torch

from baselines.policies.confidence import Confidence
from baselines.policies.eenet import Eenet
from baselines.policies.gates import Gates
from bench import SeesawError, Trace
from bench.replay.exits.curve import curve
from bench.replay.exits.decide import leave

LEARNED = pytest.mark.parametrize("policy", [Gates(), Eenet(budgets=5, steps=60)], ids=["gates", "eenet"])


@LEARNED
def test_labels_without_a_sign_in_the_logits_teach_nothing(policy, trace_of):
    splits = [
        Trace(t.logits, torch.randint(4, t.labels.shape), t.costs)
        for t in (trace_of(800, seed=1), trace_of(4000, seed=2))
    ]
    points = curve(policy, *splits)
    assert max(point.test.accuracy for point in points) < 0.25 + 4 * (0.25 * 0.75 / 4000) ** 0.5


@LEARNED
def test_where_confidence_is_the_only_sign_it_does_no_better_than_the_best_thresholds_of_it(policy, trace_of):
    """The best of all pairs of thresholds on the test split itself, which only who saw its labels could surpass."""
    calibration, test = trace_of(2000, seed=1), trace_of(4000, seed=2)
    scores, right, rows = Confidence().score(test.logits), test.correct, torch.arange(4000)
    levels = [torch.cat([one.quantile(torch.linspace(0, 1, 31)), torch.tensor([2.0])]) for one in scores[:2]]
    exits = [leave(scores >= torch.tensor([a, b, 0])[:, None]) for a in levels[0] for b in levels[1]]
    plain = [(float(test.costs[one].mean()), float(right[one, rows].double().mean())) for one in exits]
    for point in curve(policy, calibration, test, 8):
        affordable = max(accuracy for cost, accuracy in plain if cost <= point.test.cost * 1.02)
        assert point.test.accuracy < affordable + 0.01


@LEARNED
def test_samples_with_nan_are_not_learnt_from(policy, trace_of):
    trace = trace_of(200)
    more = torch.cat([trace.logits, torch.full((3, 50, 4), float("nan"))], 1)
    labels = torch.cat([trace.labels, torch.zeros(50, dtype=torch.long)])
    clean = policy.learn(trace.logits, trace.labels, trace.costs, 4)
    for one, other in zip(clean, policy.learn(more, labels, trace.costs, 4), strict=True):
        assert all(torch.equal(one[key], other[key]) for key in one)
    with pytest.raises(SeesawError, match="no policy can learn"):
        policy.learn(more[:, 200:], labels[200:], trace.costs, 4)
