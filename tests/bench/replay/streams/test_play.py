"""Decisions of policies on a stream, held against loops that are written out plainly from the papers' formulas.

Covers: baselines/policies/discounted.py, baselines/policies/epsilon_greedy.py,
    baselines/policies/i_splitee.py, baselines/policies/sliding_window.py, baselines/policies/splitee.py,
    baselines/policies/splitee_s.py, baselines/policies/thompson.py, bench/replay/streams/loop.py,
    bench/records/terms.py
"""

import math

import numpy as np
import pytest

from baselines.policies.discounted import Discounted
from baselines.policies.epsilon_greedy import EpsilonGreedy
from baselines.policies.i_splitee import ISplitee
from baselines.policies.random import Random
from baselines.policies.sliding_window import SlidingWindow
from baselines.policies.splitee import Splitee
from baselines.policies.splitee_s import SpliteeS
from baselines.policies.thompson import Thompson
from bench import Online, Rule, SeesawError
from bench.records.terms import Arms
from bench.replay.streams.play import best_fixed, play_stream, tally
from bench.replay.streams.stream import Stream


def random_stream(samples=2000, exits=12, seed=0, decimals=None):
    """Confidence grows with depth; with decimals rounded, so that there are ties, and some that just reach alpha."""
    rng = np.random.default_rng(seed)
    confidences = np.clip(rng.normal(np.linspace(0.6, 0.9, exits), 0.15, (samples, exits)), 0, 1)
    if decimals is not None:
        confidences = confidences.round(decimals)
    return Stream(confidences, rng.random((samples, exits)) < confidences)


def play_once(policy, stream, seed=1, arms=None):
    return play_stream(policy, stream, arms or stream.arms(), np.random.default_rng(seed))


def published(stream, side, alpha, layer, offload):
    """The published SplitEE (and, with side information, SplitEE-S) on the samples in this order, from its description:
    every arm learns from one of the first samples beforehand, then argmax of mean + sqrt(ln(trial + 1) / count).
    """
    x, last = stream.confidences, stream.exits - 1

    def reward_of(sample, arm):
        if arm == last or x[sample][arm] >= alpha:
            return x[sample][arm] - layer * (arm + 1), False
        return x[sample][last] - offload - layer * (arm + 1), True

    sums, counts = [reward_of(arm, arm)[0] for arm in range(last + 1)], [1] * (last + 1)
    chosen, cost, offloaded, right = [], 0.0, 0, 0
    for trial in range(len(x)):
        best, highest = -1, -float("inf")
        for arm in range(last + 1):
            value = sums[arm] / counts[arm] + 1 * np.sqrt(np.log(trial + 1) / counts[arm])
            if value > highest:
                best, highest = arm, value
        for arm in range(best) if side else ():
            sums[arm] += reward_of(trial, arm)[0]
            counts[arm] += 1
        reward, sent = reward_of(trial, best)
        sums[best] += reward
        counts[best] += 1
        chosen.append(best)
        cost += layer * (best + 1) if side else 0.8 * layer * best + layer
        cost += offload * sent
        offloaded += sent
        right += stream.right[trial, last if sent else best]
    return chosen, counts, cost, offloaded, right


@pytest.mark.parametrize("offload", [0.1, 0.35, 0.6])
@pytest.mark.parametrize(("policy", "side"), [(Splitee, False), (SpliteeS, True)])
@pytest.mark.parametrize("decimals", [None, 1])
def test_splitee_decides_and_books_as_the_published_loop_does(policy, side, offload, decimals):
    stream = random_stream(decimals=decimals)
    own = policy(alpha=0.8, offload=offload)
    result, arms = play_once(own, stream), stream.arms()
    chosen, counts, cost, sent, right = published(stream, side, 0.8, 0.1, offload)
    assert result.arms.tolist() == chosen
    assert result.memory["plays"].tolist() == counts
    totals = tally(stream, arms, own.prices(arms, side=side), 0.8, result.arms, 0, np.array([len(stream)]))
    assert totals.cost * len(stream) == pytest.approx(cost)
    assert round(totals.sent * len(stream)) == sent
    assert round(totals.accuracy * len(stream)) == right


def plainly(stream, policy, index, learns=lambda chosen: [chosen], seed=1):
    """Any policy on a stream, from its whole history: a list of (sample, arm, reward), never a running sum."""
    x, last, rng = stream.confidences, stream.exits - 1, np.random.default_rng(seed)
    if not isinstance(policy, Online):
        policy = Online()
    o, p = policy.mu * policy.offload, [policy.mu * (policy.layer * (arm + 1)) for arm in range(last + 1)]

    def reward_of(sample, arm):
        stands = arm == last or x[sample][arm] >= policy.alpha
        return (x[sample][arm] if stands else x[sample][last] - o) - p[arm]

    history, chosen = [], []
    if policy.start == "free":
        history = [(-1, arm, reward_of(arm % len(x), arm)) for arm in range(last + 1)]
    for t in range(len(x)):
        luck = rng.random()
        values = [index([h for h in history if h[1] == arm], t, luck, rng) for arm in range(last + 1)]
        chosen.append(values.index(max(values)))
        history += [(t, arm, reward_of(t, arm)) for arm in learns(chosen[-1])]
    return chosen


def mean(own):
    return sum(reward for _, _, reward in own) / len(own)


def ucb(c):
    return lambda own, t, luck, rng: (
        mean(own) + c * math.sqrt(math.log(t + 1) / len(own)) if own else math.inf
    )


def greedy(epsilon):
    def index(own, t, luck, rng):
        if not own:
            return math.inf
        return rng.random() if luck < epsilon else mean(own)

    return index


def believed(c):
    def index(own, t, luck, rng):
        plays, total = len(own) + 1, sum(reward for _, _, reward in own)
        return total / plays + c / math.sqrt(plays) * rng.standard_normal()

    return index


def windowed(c, window):
    def index(own, t, luck, rng):
        own = [h for h in own if h[0] >= t - window]
        return mean(own) + c * math.sqrt(math.log(min(t + 1, window)) / len(own)) if own else math.inf

    return index


def discounted(c, gamma):
    def index(own, t, luck, rng):
        if not own:
            return math.inf
        # what was learnt beforehand counts as learnt at sample 0
        weights = [gamma ** (t - max(when, 0)) for when, _, _ in own]
        total = sum(weight * reward for weight, (_, _, reward) in zip(weights, own, strict=True))
        passed = sum(gamma**n for n in range(t + 1))
        return total / sum(weights) + c * math.sqrt(math.log(passed) / sum(weights))

    return index


SMALL = {"samples": 250, "exits": 5}
PLAIN = [
    (Splitee(c=0.5, start="booked"), ucb(0.5)),
    (Splitee(mu=0.5, layer=0.2), ucb(1)),
    (EpsilonGreedy(epsilon=0.3), greedy(0.3)),
    (EpsilonGreedy(start="booked"), greedy(0.1)),
    (Thompson(c=0.5), believed(0.5)),
    (Random(), lambda own, t, luck, rng: rng.random()),
    (SlidingWindow(window=40, c=0.3), windowed(0.3, 40)),
    (SlidingWindow(window=3, start="booked"), windowed(1, 3)),
    (SlidingWindow(window=10**12), windowed(1, 10**12)),
    (Discounted(gamma=0.95, c=0.3), discounted(0.3, 0.95)),
]


@pytest.mark.parametrize(("policy", "index"), PLAIN, ids=lambda one: type(one).__name__)
def test_a_policy_decides_as_a_loop_over_its_whole_history_does(policy, index):
    stream = random_stream(**SMALL)
    assert play_once(policy, stream).arms.tolist() == plainly(stream, policy, index)


def test_i_splitee_learns_for_every_arm_on_the_way_and_counts_no_reward_twice():
    stream, own = random_stream(**SMALL), ISplitee()
    result = play_once(own, stream)
    assert result.arms.tolist() == plainly(stream, own, ucb(1), lambda chosen: range(chosen + 1))
    passed = [1 + int((result.arms >= arm).sum()) for arm in range(5)]
    assert result.memory["plays"].tolist() == passed
    assert result.memory["plays"][0] == 1 + len(stream)


@pytest.mark.parametrize("policy", [Splitee(), Splitee(start="booked")])
def test_every_arm_that_is_played_learns_just_that_reward_arm_0_too(policy):
    stream = random_stream(samples=400, exits=3)
    result, x = play_once(policy, stream), stream.confidences
    for arm in range(3):
        samples = [int(t) for t in np.flatnonzero(result.arms == arm)] + [arm] * (policy.start == "free")
        rewards = [
            (x[t, arm] if arm == 2 or x[t, arm] >= 0.7 else x[t, 2] - 0.5) - 0.1 * (arm + 1) for t in samples
        ]
        assert result.memory["plays"][arm] == len(samples) > 0
        assert result.memory["total"][arm] == pytest.approx(sum(rewards))


def test_a_reward_that_was_never_seen_may_be_left_out():
    stream = random_stream(samples=300, exits=8)
    assumed, skipped = play_once(SpliteeS(), stream), play_once(SpliteeS(unseen="skipped"), stream)
    assert not np.array_equal(assumed.arms, skipped.arms)
    learnt = np.zeros(8)
    for t, played in enumerate(skipped.arms):
        stands = [stream.confidences[t, arm] >= 0.7 or arm == 7 for arm in range(8)]
        is_known = not stands[played] or played == 7
        learnt += [arm <= played and (is_known or stands[arm]) for arm in range(8)]
    assert skipped.memory["plays"].tolist() == (1 + learnt).tolist()


def test_of_equal_arms_the_shallowest_is_played():
    class Flat(Random):
        @staticmethod
        def index(arm, own, t, luck, rng):
            return 0.5

    assert not play_once(Flat(), random_stream(samples=20, exits=4)).arms.any()
    same = Stream(np.full((30, 4), 0.5), np.ones((30, 4), bool))
    free = Splitee(layer=1e-300, offload=0.0, start="booked")
    assert play_once(free, same).arms[:8].tolist() == [0, 1, 2, 3, 0, 1, 2, 3]


def test_one_exit_one_sample_and_fewer_samples_than_arms():
    one = random_stream(samples=5, exits=1)
    result = play_once(Splitee(), one)
    totals = tally(
        one, one.arms(), Splitee().prices(one.arms(), side=False), 0.7, result.arms, 0, np.array([5])
    )
    assert result.arms.tolist() == [0] * 5
    assert (totals.sent, totals.cost, totals.regret[-1]) == (0, pytest.approx(0.1), 0)
    assert len(play_once(SpliteeS(), random_stream(samples=1, exits=6)).arms) == 1


def test_a_rule_without_terms_plays_under_those_that_it_is_given():
    stream = random_stream(**SMALL)

    class Greedy(Rule):
        @staticmethod
        def index(arm, own, t, luck, rng):
            return own.layer if arm.plays == 0 else arm.total / arm.plays

    usual, dear = (
        play_stream(Greedy(), stream, stream.arms(), np.random.default_rng(1), terms)
        for terms in (None, Online(layer=0.5, start="booked"))
    )
    assert usual.memory["plays"].sum() == 250 + 5
    assert dear.memory["plays"].sum() == 250
    assert dear.arms.tolist() == plainly(
        stream, Online(layer=0.5, start="booked"), lambda own, t, luck, rng: mean(own) if own else 0.5
    )


def test_a_cut_before_the_first_layer_always_sends_and_a_cut_behind_the_last_never():
    stream = random_stream(samples=50, exits=2)
    arms = stream.arms("cuts", sends=[3, 1, 1])
    policy = Splitee(offload=0.2, alpha=0.0)
    prices = policy.prices(arms, side=False)
    costs, sents = [], []
    for arm in range(3):
        result = tally(stream, arms, prices, 0.0, np.full(50, arm, np.int16), 0, np.array([50]))
        costs.append(result.cost)
        sents.append(result.sent)
    assert sents == [1, 0, 0]
    assert costs == pytest.approx([0.6, 0.1, 0.18])


def test_reward_and_bill_are_the_papers():
    arms = Arms(np.arange(12), np.arange(1.0, 13), np.ones(12))
    policy = Splitee(mu=2, offload=0.3)
    for side in (False, True):
        prices = policy.prices(arms, side=side)
        for i in range(12):
            assert prices.compute[i] == pytest.approx(2 * 0.1 * (i + 1))
            assert prices.send[i] == pytest.approx(2 * 0.3)
            assert prices.booked[i] == pytest.approx(0.1 * (i + 1) if side else 0.8 * 0.1 * i + 0.1)
            assert prices.booked_send[i] == pytest.approx(0.3)
    measured = Arms(arms.exits, arms.depths * 1.5, arms.sends, measured=True)
    assert policy.prices(measured, side=False).booked[3] == pytest.approx(0.1 * 6)


def test_i_splitee_books_what_its_layers_cost():
    stream = random_stream(samples=3, exits=7)
    arms = stream.arms(costs=[3, 6, 9, 12, 15, 18, 19])
    assert ISplitee().prices(arms, side=True).booked.tolist() == pytest.approx(
        [0.3, 0.6, 0.9, 1.2, 1.5, 1.8, 1.9]
    )


def test_regret_is_what_the_best_fixed_arm_would_have_had_more():
    stream = random_stream(samples=300, exits=4)
    arms, policy, x = stream.arms(), Splitee(), stream.confidences
    rewards = np.where((x >= 0.7) | (np.arange(4) == 3), x, x[:, [3]] - 0.5) - 0.1 * np.arange(1, 5)
    best = best_fixed(stream, arms, policy.prices(arms, side=False), 0.7)
    assert best == rewards.mean(0).argmax()
    chosen = play_once(policy, stream).arms
    marks = np.array([1, 10, 299, 300])
    totals = tally(stream, arms, policy.prices(arms, side=False), 0.7, chosen, best, marks)
    missed = (rewards[:, best] - rewards[np.arange(300), chosen]).cumsum()
    assert totals.regret == pytest.approx(missed[marks - 1])
    assert totals.plays.tolist() == (np.bincount(chosen, minlength=4) / 300).tolist()


class Lost(Online):
    """Its index is never a number."""

    @staticmethod
    def index(arm, own, t, luck, rng):
        return math.nan


class Wild(Online):
    """It asks for a function that numba cannot compile."""

    @staticmethod
    def index(arm, own, t, luck, rng):
        return open("labels").read()


class Nameless(Online):
    """It asks for a setting that it does not have."""

    @staticmethod
    def index(arm, own, t, luck, rng):
        return own.courage


@pytest.mark.parametrize(
    ("policy", "hint"),
    [(Lost(), "no arm a number"), (Wild(), "Wild.index cannot be compiled"), (Nameless(), "own.alpha")],
)
def test_rules_that_cannot_work_are_a_sentence(policy, hint):
    with pytest.raises(SeesawError, match=hint):
        play_once(policy, random_stream(samples=5, exits=2))
