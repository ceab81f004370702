"""Policies that compare a number of each answer with a threshold, and the references.

Covers: baselines/policies/confidence.py, baselines/policies/entropy.py, baselines/policies/fixed.py,
    baselines/policies/margin.py, baselines/policies/never.py, baselines/policies/oracle.py,
    baselines/policies/patience.py, baselines/policies/random.py, baselines/policies/votes.py
"""

import numpy as np
import pytest
import torch

from baselines.policies.confidence import Confidence
from baselines.policies.entropy import Entropy
from baselines.policies.fixed import Fixed
from baselines.policies.margin import Margin
from baselines.policies.never import Never
from baselines.policies.oracle import Oracle
from baselines.policies.patience import Patience
from baselines.policies.random import Random
from baselines.policies.votes import Votes
from bench.replay.exits.curve import curve


@pytest.mark.parametrize("policy", [Confidence(), Entropy(), Margin()], ids=lambda one: type(one).__name__)
def test_of_two_exits_shares_and_accuracies_are_the_hand_counts(policy, two_exits, right_when_left):
    points = curve(policy, two_exits, two_exits, points=11)
    assert [point.test.left.tolist() for point in points] == [[n, 10 - n] for n in range(11)]
    assert [point.test.right for point in points] == list(right_when_left)
    assert [point.test.accuracy for point in points] == [right / 10 for right in right_when_left]
    assert [point.test.cost for point in points] == pytest.approx([10 - 0.8 * n for n in range(11)])


@pytest.mark.parametrize("policy", [Patience(), Votes()], ids=lambda one: type(one).__name__)
def test_of_two_exits_neither_patience_nor_votes_can_decide_by_sample(policy, two_exits, right_when_left):
    points = curve(policy, two_exits, two_exits)
    assert [point.test.left.tolist() for point in points] == [[0, 10], [10, 0]]
    assert [point.test.right for point in points] == [right_when_left[0], right_when_left[10]]


def test_references_of_two_exits_are_the_hand_counts(two_exits):
    def counts(policy):
        return [(p.test.left.tolist(), p.test.right) for p in curve(policy, two_exits, two_exits)]

    assert counts(Never()) == [([0, 10], 8)]
    assert counts(Fixed()) == [([0, 10], 8), ([10, 0], 7)]
    assert counts(Oracle()) == [([8, 2], 9)]  # sample 8 is wrong everywhere, 6 and 7 only early


def test_the_margin_is_between_the_two_largest(trace_of):
    logits = trace_of().logits
    ordered = np.sort(torch.softmax(logits, -1).numpy(), -1)
    assert torch.allclose(Margin().score(logits), torch.from_numpy(ordered[..., -1] - ordered[..., -2]))


ANSWERS = [
    [0, 0, 1, 2, 3],
    [0, 1, 1, 2, 3],
    [0, 1, 0, 3, 3],
    [0, 0, 1, 2, 1],
]
"""Of four exits (rows) about five samples."""


def answering(answers):
    return torch.nn.functional.one_hot(torch.tensor(answers), 4).float()


def test_patience_counts_exits_in_a_row_that_confirm():
    scores = Patience().score(answering(ANSWERS))
    assert scores.T.tolist() == [[0, 1, 2, 3], [0, 0, 1, 0], [0, 1, 0, 0], [0, 1, 0, 0], [0, 1, 2, 0]]
    rows = Patience().thresholds(scores, 10)
    assert rows[:, 0].tolist() == [float("inf"), 2, 1, 0]


def test_votes_count_exits_so_far_that_agree_in_a_row_or_not():
    scores = Votes().score(answering(ANSWERS))
    assert scores.T.tolist() == [[1, 2, 3, 4], [1, 1, 2, 2], [1, 2, 1, 3], [1, 2, 1, 3], [1, 2, 3, 1]]
    assert Votes().thresholds(scores, 10)[:, 0].tolist() == [float("inf"), 3, 2, 1]


def test_pabee_and_the_vote_written_out_leave_where_these_do():
    answers = torch.randint(3, (6, 500))
    for policy, kind in ((Patience(), "patience"), (Votes(), "votes")):
        scores = policy.score(torch.nn.functional.one_hot(answers, 3).float())
        for row in policy.thresholds(scores, 10):
            ready = policy.leaves(scores, {"thresholds": row})
            for sample, column in enumerate(answers.T.tolist()):
                streak, first = 0, None
                for exit_, answer in enumerate(column[:-1]):
                    streak = streak + 1 if exit_ and answer == column[exit_ - 1] else 0
                    most = max(column[: exit_ + 1].count(one) for one in range(3))
                    if (streak if kind == "patience" else most) >= row[0]:
                        first = exit_
                        break
                exits = ready[:-1, sample].nonzero()
                assert (int(exits[0]) if len(exits) else None) == first


@pytest.mark.parametrize("policy", [Patience(), Votes()], ids=lambda one: type(one).__name__)
def test_an_answer_of_nan_confirms_nothing_and_has_no_vote(policy):
    logits = answering([[0], [0], [0]])
    logits[:2] = float("nan")
    assert policy.score(logits)[2].item() == (1 if isinstance(policy, Votes) else 0)


def test_lots_have_the_shares_of_the_budgets_and_nothing_to_do_with_the_answers(trace_of):
    trace = trace_of(20_000, seed=3)
    scores = Random().score(trace.logits)
    assert torch.equal(scores[0], scores[2])
    assert torch.histc(scores[0], 10, 0, 1) / 20_000 == pytest.approx(0.1, abs=0.01)
    right = (trace.logits[0].argmax(-1) == trace.labels).double()
    for other in (right, Confidence().score(trace.logits)[0].double()):
        assert abs(torch.corrcoef(torch.stack([scores[0], other]))[0, 1]) < 0.03
    for step, point in zip(range(39, 0, -1), curve(Random(), trace, trace), strict=True):
        powers = np.array([(step / 20) ** exit_ for exit_ in range(3)])
        assert point.test.shares.tolist() == pytest.approx(powers / powers.sum(), abs=0.015)


def test_another_seed_draws_other_lots(trace_of):
    logits = trace_of(2000).logits
    draws = torch.stack([Random(seed=seed).score(logits)[0] for seed in (0, 1)])
    assert abs(torch.corrcoef(draws)[0, 1]) < 0.1
    assert torch.equal(draws[0], Random().score(logits)[0])
