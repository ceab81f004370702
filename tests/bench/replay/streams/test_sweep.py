"""All policies over all shuffles, against plain loops and brute force.

Covers: baselines/policies/best_fixed.py, bench/records/mean.py
"""

import numpy as np
import pytest
from scipy import stats

from baselines.policies.best_fixed import BestFixed
from baselines.policies.discounted import Discounted
from baselines.policies.i_splitee import ISplitee
from baselines.policies.oracle import Oracle
from baselines.policies.random import Random
from baselines.policies.sliding_window import SlidingWindow
from baselines.policies.splitee import Splitee
from baselines.policies.splitee_s import SpliteeS
from bench import Online, SeesawError
from bench.records.mean import Mean
from bench.records.terms import ALL_LAYERS, EARLY_EXIT
from bench.replay.streams.play import play_stream
from bench.replay.streams.stream import Stream
from bench.replay.streams.sweep import Sweep
from bench.replay.streams.tally import against


def random_stream(samples=300, exits=5, seed=0):
    rng = np.random.default_rng(seed)
    confidences = np.clip(rng.normal(np.linspace(0.6, 0.9, exits), 0.15, (samples, exits)), 0, 1)
    return Stream(confidences, rng.random((samples, exits)) < confidences)


def run(policies=(), guests=(), stream=None, shuffles=3, arms="exits", **more):
    stream = random_stream() if stream is None else stream
    sweep = Sweep(stream, stream.arms(arms), list(policies), list(guests), shuffles)
    return {(row.name, row.terms): row for row in sweep.run(**more)}


def only(rows, name):
    (row,) = (row for (other, _), row in rows.items() if other == name)
    return row


def test_all_layers_and_early_exit_are_always_there_and_are_what_a_loop_counts():
    stream = random_stream()
    rows = run(stream=stream)
    assert [name for name, _ in rows] == [ALL_LAYERS, EARLY_EXIT]
    whole, early = rows.values()
    assert whole.mean("cost").value == pytest.approx(0.5)
    assert whole.mean("accuracy").value == pytest.approx(stream.right[:, -1].mean())
    cost, right = 0.0, 0
    for confidences, answers in zip(stream.confidences, stream.right, strict=True):
        left = next((e for e in range(5) if confidences[e] >= 0.7), 4)
        cost += 0.1 * (left + 1)
        right += answers[left]
    assert early.mean("cost").value == pytest.approx(cost / 300)
    assert early.mean("accuracy").value == pytest.approx(right / 300)
    assert early.mean("sent").value == whole.mean("sent").value == 0


def test_each_shuffle_is_a_pass_of_its_own_and_the_same_for_every_policy():
    stream = random_stream()
    rows = run([("a", Splitee()), ("b", Splitee(c=2))], stream=stream)
    for number, tally in enumerate(only(rows, "a").tallies):
        order = stream.order(np.random.default_rng([0, number, 0]))
        shuffled = stream.take(order)
        alone = play_stream(Splitee(), shuffled, stream.arms(), np.random.default_rng([0, number, 1])).arms
        assert tally.plays.tolist() == (np.bincount(alone, minlength=5) / 300).tolist()
    assert len({tuple(tally.regret) for tally in only(rows, "b").tallies}) == 3


def test_without_shuffles_there_is_one_pass_in_the_files_order():
    stream = random_stream()
    (tally,) = only(run([("a", SpliteeS())], stream=stream, shuffles=0), "a").tallies
    alone = play_stream(SpliteeS(), stream, stream.arms(), np.random.default_rng([0, 0, 1])).arms
    assert tally.plays.tolist() == (np.bincount(alone, minlength=5) / 300).tolist()


@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize("shuffles", [0, 2, 5])
def test_threads_change_no_number_and_every_stream_is_reported(threads, shuffles):
    steps = []
    policies, guests = [("a", Splitee()), ("c", SpliteeS(offload=0.1))], [("b", Random())]
    rows = run(policies, guests, shuffles=shuffles, threads=threads, report=lambda *step: steps.append(step))
    once = run(policies, guests, shuffles=shuffles, threads=1)
    for key, row in rows.items():
        assert [one.cost for one in row.tallies] == [one.cost for one in once[key].tallies]
        assert np.array_equal(row.regret(), once[key].regret())
    total = 8 * max(shuffles, 1)
    assert steps == [(number + 1, total) for number in range(total)]


def test_every_terms_have_their_own_baselines():
    rows = list(run([("s", Splitee()), ("i", ISplitee()), ("t", Splitee(offload=0.1))]).values())
    names = [(row.name, row.terms.alpha, row.terms.offload) for row in rows]
    assert names == [
        (name, alpha, offload)
        for alpha, offload, policy in ((0.7, 0.5, "s"), (0.5, 0.5, "i"), (0.7, 0.1, "t"))
        for name in (ALL_LAYERS, EARLY_EXIT, policy)
    ]
    cost, points = against(rows, rows[5], ALL_LAYERS)
    assert cost == pytest.approx(rows[5].mean("cost").value / 0.5 - 1)
    assert points == pytest.approx(100 * (rows[5].mean("accuracy").value - rows[3].mean("accuracy").value))


@pytest.mark.parametrize("kind", ["exits", "cuts"])
def test_references_are_what_brute_force_over_arms_finds(kind):
    stream = random_stream(samples=120)
    rows = run([("s", Splitee())], [("f", BestFixed()), ("o", Oracle())], stream, shuffles=2, arms=kind)
    deep = [-1, 0, 1, 2, 3, 4] if kind == "cuts" else [0, 1, 2, 3, 4]
    cheapest, right, rewards = 0.0, 0, np.zeros(len(deep))
    for confidences, answers in zip(stream.confidences, stream.right, strict=True):
        outcomes = []
        for number, exit_ in enumerate(deep):
            stands = exit_ == 4 or (exit_ >= 0 and confidences[exit_] >= 0.7)
            booked = 0.0 if exit_ < 0 else 0.08 * (exit_ + 1) + 0.02
            answer = answers[exit_] if stands else answers[4]
            outcomes.append((not answer, booked + (0 if stands else 0.5)))
            rewards[number] += (confidences[exit_] if stands else confidences[4] - 0.5) - 0.1 * (exit_ + 1)
        wrong, cost = min(outcomes)
        cheapest += cost
        right += not wrong
    oracle, fixed = only(rows, "o"), only(rows, "f")
    assert oracle.bound
    assert oracle.mean("cost").value == pytest.approx(cheapest / 120)
    assert oracle.mean("accuracy").value == pytest.approx(right / 120)
    assert fixed.tallies[0].plays.argmax() == rewards.argmax()
    assert fixed.mean("regret").value == 0
    assert all(only(rows, "o").mean("accuracy").value >= row.mean("accuracy").value for row in rows.values())


def test_a_mean_has_students_interval():
    values = [1.0, 2.0, 4.0, 4.5]
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert Mean.of(values).interval == pytest.approx((np.mean(values), low, high))
    assert Mean.of([2.0]).interval == (2, 2, 2)


def test_regret_is_read_at_every_sample_of_a_short_stream_and_at_200_places_of_a_long_one():
    assert Sweep(random_stream(30), random_stream(30).arms(), []).marks.tolist() == list(range(1, 31))
    marks = Sweep(random_stream(5000), random_stream(5000).arms(), []).marks
    assert len(marks) == 200
    assert (marks[0], marks[-1]) == (1, 5000)


def test_a_policy_that_forgets_follows_a_stream_that_changes():
    """Deep exits are sure in the first half, shallow ones in the second: the window follows, all of history does not."""
    sure, unsure = np.full((3000, 3), 0.2), np.full((3000, 3), 0.2)
    sure[:, 2], unsure[:, 0] = 1.0, 1.0
    part = [Stream(one, np.ones_like(one, dtype=bool)) for one in (sure, unsure)]
    settings = {"c": 0.2, "layer": 0.01}
    entrants = [("ever", Splitee(**settings)), ("window", SlidingWindow(window=300, **settings))]
    entrants.append(("discounted", Discounted(gamma=0.995, **settings)))
    rows = run(entrants, stream=Stream.joined(part))
    ever, window, discounted = (
        only(rows, name).mean("regret").value for name in ("ever", "window", "discounted")
    )
    assert window < ever - 100
    assert discounted < ever - 100


class Broken(Online):
    """Has no index."""

    @staticmethod
    def index(arm, own, t, luck, rng):
        return -np.inf


def test_a_policy_without_numbers_is_a_sentence_and_ends_the_sweep():
    with pytest.raises(SeesawError, match="no arm a number"):
        run([("broken", Broken()), ("s", Splitee())])
