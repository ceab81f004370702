"""Batches on the server, held against a plain simulator that has all arrivals, against simpy, and against counts by hand."""

import math

import numpy as np
import pytest

from baselines.splits.best_fixed import BestFixed
from baselines.splits.fixed import Fixed
from baselines.splits.mu_linucb import MuLinUcb
from baselines.splits.oracle import Oracle
from baselines.splits.random import Random
from bench import SeesawError
from bench.replay.deploy.batches import ALONE, Batching, batching_of, next_batch
from bench.replay.deploy.play import play
from bench.replay.deploy.steps import ARRIVED, FINISHED, SERVED
from tests.bench.deployed import game, requests, simulate, table

LINE = Batching(
    3, 2.0, np.array([[0.0, 1.0, 1.5, 2.0], [0.0, 0.5, 0.6, 0.7]]), np.array([0.0, 0.0]), np.array([0, 1])
)


def batch(others, own, arms=None, free=0.0):
    arms = np.zeros(len(own), np.int64) if arms is None else np.array(arms)
    return next_batch(LINE, np.array(others, float), 0, free, np.array(own, float), arms, 0)


@pytest.mark.parametrize(
    ("others", "own", "arms", "free", "expected"),
    [
        ([], [1], None, 0.0, (3, 4, 0, 1)),  # waits for others, and nobody comes
        ([1.5], [1], None, 0.0, (3, 4.5, 1, 1)),
        ([1.5, 2.5, 2.6], [1], None, 0.0, (2.5, 4.5, 2, 1)),  # full: it waits no longer
        ([3.1], [1], None, 0.0, (3, 4, 0, 1)),  # too late
        ([3.1], [1], None, 5.0, (5, 6.5, 1, 1)),  # the server was busy until then
        ([1.2, 1.4], [1, 1.1], [0, 1], 0.0, (1.1, 2.1, 0, 1)),  # one of another cut ends it
        ([1.0], [1.0], None, 0.0, (3, 4.5, 1, 1)),
        ([], [math.inf], None, 0.0, (math.inf, math.inf, 0, 0)),
    ],
)
def test_a_batch_begins_when_it_is_full_or_has_waited_or_ends(others, own, arms, free, expected):
    assert batch(others, own, arms, free) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("policy", "largest", "wait", "loss"),
    [
        (Random(), 4, 0.03, 0.0),
        (MuLinUcb(), 8, 0.2, 0.3),
        (Fixed(cut=1), 2, 0.0, 0.0),
        (Oracle(), 5, 0.05, 0.1),
    ],
)
def test_every_moment_is_that_of_a_simulator_that_has_all_arrivals(seed, policy, largest, wait, loss):
    conditions = table(seed, loss=loss)
    of = game(conditions, seed, largest=largest, wait=wait, scale=4.0)
    come = requests(of, rate=8, seed=seed, devices=3, load=12.0)
    played = play(policy, of, come)
    plain = simulate(of, conditions, come, played.arms, played.exits, policy.evaluates)
    np.testing.assert_allclose(played.moments, plain, rtol=1e-9, atol=1e-9)
    sent = played.exits < 0
    assert sent.any()
    assert (played.moments[sent, SERVED] >= played.moments[sent, ARRIVED]).all()


def test_every_answer_comes_when_a_discrete_event_simulation_has_it():
    simpy = pytest.importorskip("simpy", reason="simpy is among the extras for development")
    conditions = table(3, least=2000.0)
    of = game(conditions, 3, largest=4, wait=0.04)
    come = requests(of, rate=6, seconds=60, load=15.0)
    played = play(Random(), of, come)
    world, rules, served = simpy.Environment(), of.batching, {}
    waiting, changed = [], [world.event()]

    def arrive(moment, cut, decoder, number):
        yield world.timeout(moment)
        waiting.append((world.now, cut, decoder, number))
        changed[0].succeed()
        changed[0] = world.event()

    def serve():
        while True:
            while not waiting:
                yield changed[0]
            head = waiting[0]
            while True:
                mine = 0
                while mine < min(len(waiting), rules.largest) and waiting[mine][1] == head[1]:
                    mine += 1
                left = head[0] + rules.wait - world.now
                if mine == rules.largest or mine < len(waiting) or left <= 1e-12:
                    break
                yield changed[0] | world.timeout(left)
            now, several = world.now, waiting[:mine]
            del waiting[:mine]
            yield world.timeout(rules.seconds[head[1], mine] + sum(one[2] for one in several))
            served.update({one[3]: (now, world.now) for one in several})

    for moment in come.others:
        world.process(arrive(moment, 0, 0.0, -1))
    sent = np.flatnonzero(played.exits < 0)
    for n in sent:
        arm = played.arms[n]
        world.process(
            arrive(played.moments[n, ARRIVED], int(of.known.arms[arm]["cut"]), rules.decoders[arm], n)
        )
    world.process(serve())
    world.run(until=500)
    expected = np.array([served[n] for n in sent])
    np.testing.assert_allclose(played.moments[sent][:, [SERVED, FINISHED]], expected, rtol=1e-9)
    together = np.unique(expected[:, 0], return_counts=True)[1]
    assert together.max() > 1, "some of the device's own are in one batch"


def test_what_comes_later_changes_no_choice_that_was_made_before():
    conditions = table(5)
    of = game(conditions, 5, largest=6, wait=0.5)
    come = requests(of, rate=8, seed=5, load=5.0)
    whole = play(MuLinUcb(), of, come)
    for count in (10, 100, 400):
        few = come._replace(
            arrivals=come.arrivals[:count], samples=come.samples[:count], luck=come.luck[:count]
        )
        assert (play(MuLinUcb(), of, few).arms == whole.arms[:count]).all()
        shifted = come._replace(others=np.where(come.others > come.arrivals[count], 1e6, come.others))
        before = whole.moments[:count, 0] < come.arrivals[count]
        assert (play(MuLinUcb(), of, shifted).arms[:count] == whole.arms[:count])[before].all()


def test_requests_that_never_meet_are_served_as_without_batches():
    conditions = table(6, least=1e5, loss=0.1)
    of, batches = game(conditions, 6), game(conditions, 6, largest=4)
    batches.known.arms["server"] = of.known.arms["server"]
    batches.batching.decoders[:] = 0
    come = requests(of, rate=0.8, seed=6, kind="regular")
    assert of.batching is ALONE
    for policy in (Random(), BestFixed(), Oracle()):
        alone, batched = play(policy, of, come), play(policy, batches, come)
        assert (alone.arms == batched.arms).all()
        np.testing.assert_allclose(alone.moments, batched.moments, rtol=1e-12)


def test_seconds_between_timed_sizes_lie_on_a_line_and_beyond_them_is_a_sentence():
    arms = game(table()).known.arms
    server = tuple(np.unique(arms["server"])[::-1])
    sizes = {4: tuple(2.5 * one for one in server), 8: tuple(3.5 * one for one in server)}
    made = batching_of(arms, server, sizes, 6, 0.0)
    assert made.seconds.shape == (len(server), 7)
    np.testing.assert_allclose(made.seconds[0, 1:], server[0] * np.array([1, 1.5, 2, 2.5, 2.75, 3.0]))
    with pytest.raises(SeesawError, match=r"times of batches of 1, 4, 8 alone\. Profile it .*--batches 1,16"):
        batching_of(arms, server, sizes, 16, 0.0)
