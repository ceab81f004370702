import math
from fractions import Fraction

import pytest
import torch

from baselines.policies.budgeted import Budgeted, planned
from bench import geometric_shares
from bench.replay.exits.curve import curve


def test_of_two_exits_the_floor_of_the_share_leaves(two_exits, right_when_left):
    early = sorted({10 * 20 // (20 + step) for step in range(1, 40)})
    points = curve(Budgeted(), two_exits, two_exits)
    assert [point.test.left.tolist() for point in points] == [[n, 10 - n] for n in early]
    assert [point.test.right for point in points] == [right_when_left[n] for n in early]


def plainly(confidence, step):
    """MSDNet's protocol as published, sample by sample: thresholds for shares proportional to (step / 20)^k."""
    exits, samples = len(confidence), len(confidence[0])
    powers = [Fraction(step, 20) ** k for k in range(1, exits + 1)]
    gone, thresholds = [False] * samples, []
    for k in range(exits - 1):
        out, count, threshold = math.floor(samples * powers[k] / sum(powers)), 0, math.inf
        for sample in sorted(range(samples), key=lambda n, k=k: -confidence[k][n]):
            if not gone[sample]:
                count += 1
                if count == out:
                    threshold = confidence[k][sample]
                    break
        gone = [was or confidence[k][n] >= threshold for n, was in enumerate(gone)]
        thresholds.append(threshold)
    return thresholds


@pytest.mark.parametrize(("exits", "samples", "levels"), [(2, 200, 0), (4, 150, 0), (5, 97, 7), (12, 60, 0)])
def test_thresholds_are_those_of_the_protocol_ties_and_all(trace_of, exits, samples, levels):
    logits = trace_of(samples, exits=min(exits, 4)).logits
    logits = logits.repeat(3, 1, 1)[:exits] + torch.linspace(0, 1, exits)[:, None, None].sin()
    scores = Budgeted().score(logits * torch.rand(exits, samples, 1))
    if levels:  # many samples of one confidence
        scores = (scores * levels).round() / levels
    rows = [plainly(scores.tolist(), step) for step in range(39, 0, -1)]
    distinct = [row for number, row in enumerate(rows) if number == 0 or row != rows[number - 1]]
    assert Budgeted().thresholds(scores, 40)[:, :-1].tolist() == distinct


def test_nobody_of_two_leaves_where_half_a_sample_would_and_a_share_that_is_whole_is_whole():
    assert geometric_shares(3)[19] == [Fraction(1, 3)] * 3
    scores = torch.linspace(1, 0, 9).expand(3, 9)
    even = Budgeted().thresholds(scores, 40)
    assert any((row[:2] == torch.stack([scores[0, 2], scores[0, 5]])).all() for row in even)
    alone = Budgeted().thresholds(torch.ones(3, 1), 40)
    assert alone.tolist() == [[math.inf] * 3]


def test_shares_are_counted_among_the_samples_still_there():
    scores = torch.tensor([[9.0, 8, 7, 6, 5, 4], [9, 8, 7, 1, 2, 3], [0] * 6])
    third = planned(scores, [Fraction(1, 3)] * 3)
    assert third.tolist()[:2] == [8, 3]  # samples 0 and 1, then of the others those with 7 and 3
