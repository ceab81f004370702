"""The loop over requests, held against a plain sequential simulator, against simpy, and against sums by hand.

Covers: bench/replay/deploy/foresee.py, bench/replay/deploy/play.py, bench/replay/deploy/server.py, bench/replay/deploy/steps.py,
    bench/replay/deploy/view.py
"""

import gc
import math
from typing import Any

import numpy as np
import pytest
from numba import objmode

from baselines.splits.fixed import Fixed
from baselines.splits.hi_lcb import HiLcb
from baselines.splits.random import Random
from bench import SeesawError, SplitPolicy
from bench.kinds.belief import (
    NOTHING,
    after_answer,
    after_payload,
    after_sending,
    believed,
)
from bench.kinds.channel import Conditions
from bench.replay.deploy import play as playing
from bench.replay.deploy.play import play
from bench.replay.deploy.steps import ANSWERED, BEGIN, DONE, GIVES_UP, SENT, START
from tests.bench.deployed import game, requests, simulate, table


class Wild(SplitPolicy):
    """Any arm, and any exit on the way."""

    @property
    def evaluates(self):
        return "all"

    @staticmethod
    def choose(seen: Any, arms: Any, own: Any, memory: Any, luck: float) -> int:
        return min(int(luck * len(arms)), len(arms) - 1)

    @staticmethod
    def stays(arm: Any, own: Any, memory: Any, exit_: int, confidence: float) -> bool:
        return confidence > 0.7


class Chosen(SplitPolicy):
    """Any arm, and any one exit on the way, or none; it keeps a row of (exit, arm) for each request."""

    @property
    def evaluates(self):
        return "chosen"

    def begin(self, known):
        return np.full(2 + 1000, -1.0)

    @staticmethod
    def choose(seen: Any, arms: Any, own: Any, memory: Any, luck: float) -> int:
        memory[1] += 1
        memory[0] = int(luck * 997) % 4 - 1
        memory[2 + int(memory[1])] = memory[0]
        return min(int(luck * len(arms)), len(arms) - 1)

    @staticmethod
    def stays(arm: Any, own: Any, memory: Any, exit_: int, confidence: float) -> bool:
        return confidence > 0.7


class Learned(SplitPolicy):
    """Writes down what it sees and learns, a row of 18 numbers for each request, and sends from cut 0."""

    def begin(self, known):
        return np.zeros(1 + 18 * 1000)

    @staticmethod
    def choose(seen: Any, arms: Any, own: Any, memory: Any, luck: float) -> int:
        at = 1 + 18 * int(memory[0])
        memory[at], memory[at + 1], memory[at + 2], memory[at + 3] = (
            seen.time,
            seen.waited,
            seen.queue,
            seen.unsent,
        )
        memory[at + 4], memory[at + 5], memory[at + 6], memory[at + 7] = (
            seen.link,
            seen.rate,
            seen.trip,
            seen.server,
        )
        memory[at + 8], memory[at + 9] = seen.battery, seen.answers
        memory[0] += 1
        return 0 if luck < 0.7 else len(arms) - 1

    @staticmethod
    def learn(arms: Any, own: Any, memory: Any, feedback: Any) -> None:
        at = 1 + 18 * int(memory[0])
        memory[at + 10] += 1
        memory[at + 11] += feedback.seconds
        memory[at + 12] += feedback.sent


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("policy", "loss", "devices"), [(Random(), 0.0, 1), (Wild(), 0.3, 3), (HiLcb(), 0.1, 1)]
)
def test_every_moment_is_that_of_a_plain_sequential_simulator(seed, policy, loss, devices):
    conditions = table(seed, loss=loss)
    of = game(conditions, seed)
    come = requests(of, rate=8, seed=seed, devices=devices)
    played = play(policy, of, come)
    assert len(set(played.arms)) > 1 or isinstance(policy, HiLcb)
    plain = simulate(of, conditions, come, played.arms, played.exits, policy.evaluates)
    np.testing.assert_allclose(played.moments, plain, rtol=1e-9, atol=1e-9)
    sent = played.exits < 0
    assert 0 < sent.sum() < len(sent) or not isinstance(policy, Wild)
    right = [
        of.right[a, s] if e < 0 else of.exit_right[e, s]
        for a, e, s in zip(played.arms, played.exits, come.samples, strict=True)
    ]
    assert (played.right == right).all()
    assert (played.framed == np.where(sent, of.costs.framed[played.arms, come.samples], 0)).all()


@pytest.mark.parametrize("patience", [math.inf, 0.05])
def test_a_chosen_exit_is_computed_and_asked_and_no_other(patience):
    of = game(table(5), 5, patience=patience)
    come = requests(of, rate=2, seconds=200)
    played = play(Chosen(), of, come)
    # what it chose follows from its luck alone
    noted = [int(luck * 997) % 4 - 1 for luck in come.luck[:, 0]]
    costs, arms, last = of.costs, of.known.arms, len(of.known.arms) - 1
    kinds = set()
    for n, (arm, picked) in enumerate(zip(played.arms, noted, strict=True)):
        asked = min(int(arms[arm]["exits"]), len(costs.heads) - 1)
        spare = list(range(max(int(arms[arm]["exits"]) - 1, 0), asked)) if patience < math.inf else []
        computed = [picked] if 0 <= picked < asked else spare
        took = played.moments[n, DONE] - played.moments[n, BEGIN]
        stays = computed == [picked] and costs.confidences[picked, come.samples[n]] > 0.7
        base = costs.reach[computed[-1]] if stays else arms[arm]["device"]
        assert took == pytest.approx(base + sum(costs.heads[one] for one in computed))
        if stays:
            assert played.exits[n] == computed[-1]
        elif arm != last and patience == math.inf:
            assert played.exits[n] == -1
        kinds.add((bool(computed), stays))
    assert kinds == {(False, False), (True, False), (True, True)}


def test_every_answer_comes_when_a_discrete_event_simulation_has_it():
    simpy = pytest.importorskip("simpy", reason="simpy is among the extras for development")
    conditions = table(3, least=2000.0)
    of = game(conditions, 3)
    come = requests(of, rate=6, seconds=60)
    played = play(Random(), of, come)
    world, known, answers = simpy.Environment(), of.known.arms, {}
    device, up, server, down = (simpy.Resource(world) for _ in range(4))

    def rates(column):
        return [(s, r, d) for s, r, d in zip(conditions.start, column, conditions.delay, strict=True)]

    def carry(way, column, count):
        with way.request() as turn:
            yield turn
            while count > 1e-9:
                at = np.searchsorted(conditions.start, world.now + 1e-12, "right") - 1
                _, rate, _ = rates(column)[at]
                end = conditions.start[at + 1] if at + 1 < len(conditions.start) else math.inf
                step = min(count / rate, end - world.now)
                yield world.timeout(step)
                count -= rate * step
        return conditions.delay[np.searchsorted(conditions.start, world.now - 1e-12, "right") - 1]

    def request(n, turns):
        yield world.timeout(come.arrivals[n])
        arm, sample = known[played.arms[n]], come.samples[n]
        with device.request() as turn:
            yield turn
            yield world.timeout(arm["device"])
        if played.exits[n] >= 0:
            answers[n] = world.now
            return
        for place, (way, column, count) in enumerate(
            [
                (up, conditions.up, of.costs.framed[played.arms[n], sample]),
                (down, conditions.down, of.costs.reply),
            ]
        ):
            delay = yield world.process(carry(way, column, count))
            yield world.timeout(delay)
            before, own = turns[place][n]
            if before is not None:
                yield before  # payloads and answers arrive in order
            own.succeed()
            if place == 0:
                with server.request() as turn:
                    yield turn
                    yield world.timeout(arm["server"])
        answers[n] = world.now

    sends = np.flatnonzero(played.exits < 0)
    turns = [{}, {}]
    for place in range(2):
        before = None
        for n in sends:
            turns[place][n] = (before, world.event())
            before = turns[place][n][1]
    for n in range(len(come.arrivals)):
        world.process(request(n, turns))
    world.run()
    np.testing.assert_allclose(
        [answers[n] for n in range(len(answers))], played.moments[:, ANSWERED], rtol=1e-7
    )


def test_a_dead_link_leaves_what_is_sent_without_an_answer_and_the_device_with_all():
    conditions = table(0).of(np.zeros(1), np.zeros(1), down=1.0)
    of = game(conditions)
    come = requests(of)
    sends = play(Fixed(cut=0), of, come)
    assert np.isinf(sends.seconds).all()
    assert not sends.right.any()
    alone = play(Fixed(cut=3), of, come)
    assert np.isfinite(alone.seconds).all()
    assert (alone.exits == 2).all()
    assert alone.framed.sum() == 0


def test_over_a_link_without_end_an_answer_takes_the_device_the_server_and_nothing_else():
    conditions = table(0).of(np.zeros(1), np.array([1e15]))
    of = game(conditions)
    come = requests(of, rate=0.5, kind="regular")
    played = play(Fixed(cut=1, codec="codec0"), of, come)
    arm = of.known.arms[2]
    np.testing.assert_allclose(played.seconds, arm["device"] + arm["server"], rtol=1e-9)


def test_joules_are_those_of_a_sum_in_small_steps():
    conditions = table(5)
    of = game(conditions, 5)
    come = requests(of, rate=3, seconds=80)
    played = play(Random(), of, come)
    sent = np.flatnonzero(played.exits < 0)
    step = 1e-4
    for n in sent[:20]:
        moments = np.arange(played.moments[n, START], played.moments[n, SENT], step) + step / 2
        at = np.searchsorted(conditions.start, moments, "right") - 1
        power = conditions.watts[at] + conditions.joules_per_byte[at] * conditions.up[at]
        assert played.radio[n] == pytest.approx(power.sum() * step, rel=5e-3, abs=3e-4)
    gaps = np.append(played.moments[sent[1:], START] - played.moments[sent[:-1], SENT], math.inf)
    np.testing.assert_allclose(played.tails[sent], 0.9 * np.clip(gaps, 0, 0.7), atol=1e-9)
    assert played.tails[played.exits >= 0].sum() == 0
    np.testing.assert_allclose(played.compute, 2.0 * (played.moments[:, DONE] - played.moments[:, BEGIN]))


def rates_believed(played, told, whole):
    """The rate that the device believes when it begins with each request, by what has become known by then."""
    m, sent = played.moments, np.flatnonzero(played.exits < 0)
    rate = played.framed / np.maximum(m[:, SENT] - m[:, START], 1e-300)
    found, known, heard, state = [], 0, 0, NOTHING
    for n, now in enumerate(m[:, BEGIN]):
        while known < len(sent) and sent[known] < n and m[sent[known], SENT] <= now:
            state = after_payload(state, rate[sent[known]])
            known += 1
        while heard < len(sent) and sent[heard] < n and told[sent[heard]] <= now:
            k = sent[heard]
            state = after_answer(state, rate[k], m[k, BEGIN], told[k], whole, m[k, ANSWERED] <= told[k])
            heard += 1
        found.append(believed(state, now))
        if n in sent:
            state = after_sending(state, now)
    return np.array(found)


def test_a_policy_sees_and_learns_what_has_happened_by_then_and_nothing_later(monkeypatch):
    conditions = table(2, least=3000.0)
    of = game(conditions, 2, battery=50.0)
    come = requests(of, rate=6, seconds=50)
    policy = Learned()
    memory = policy.begin(of.known)
    monkeypatch.setattr(playing, "begun", lambda *given: memory)
    played = play(policy, of, come)
    count = len(come.arrivals)
    rows = memory[1 : 1 + 18 * count].reshape(count, 18)
    m, sent = played.moments, played.exits < 0
    told = np.minimum(m[:, ANSWERED], np.maximum(come.arrivals + GIVES_UP, m[:, DONE]))
    rates = rates_believed(played, told, of.known.arms["device"][-1])
    assert len(set(rates[~np.isnan(rates)])) > 5
    spent = np.zeros(count)
    for n in range(count):
        now = m[n, BEGIN]
        assert rows[n, 0] == now
        assert rows[n, 1] == pytest.approx(now - come.arrivals[n])
        assert rows[n, 2] == (come.arrivals <= now).sum() - n - 1
        assert rows[n, 5] == pytest.approx(rates[n], nan_ok=True)
        heard = [k for k in range(n) if told[k] <= now]
        assert rows[n, 9] == len(heard)
        learnt = rows[: n + 1, 10].sum()
        assert learnt == len(heard)
        assert rows[: n + 1, 11].sum() == pytest.approx(sum(told[k] - m[k, BEGIN] for k in heard))
        window = math.floor(now)
        if window >= 1:
            moments = np.linspace(window - 1, window, 20001)[:-1] + 0.5 / 20000
            at = np.searchsorted(conditions.start, moments, "right") - 1
            assert rows[n, 4] == pytest.approx(conditions.up[at].mean(), rel=2e-3)
        else:
            assert math.isnan(rows[n, 4])
        behind = [k for k in range(n) if sent[k] and m[k, SENT] > now]
        most = sum(played.framed[k] for k in behind)
        assert 0 <= rows[n, 3] <= most * (1 + 1e-9)
        assert (rows[n, 3] > 0) == bool(behind)
        assert rows[n, 8] == pytest.approx(max(1 - spent[:n].sum() / 50.0, 0), abs=2e-3) or sent[:n].any()
        spent[n] = 2.0 * (m[n, DONE] - m[n, BEGIN]) + played.radio[n]
    assert (np.diff(rows[:, 8]) <= 1e-12).all()


@pytest.mark.parametrize("later", [0.0, 1.0, 1e5])
def test_two_links_that_differ_from_a_moment_on_look_alike_until_then(later, monkeypatch):
    start, moment = np.array([0.0, 20, 30, 31]), 31.0
    energy = {"watts": 1.3, "joules_per_byte": 2e-7, "tail_seconds": 0.7, "tail_watts": 0.9}
    seen = []
    for last in (later, 2e4):
        of = game(Conditions.of(start, np.array([2e4, 3e3, 0.0, last]), **energy), 2, battery=50.0)
        policy = Learned()
        memory = policy.begin(of.known)
        monkeypatch.setattr(playing, "begun", lambda *given, memory=memory: memory)
        come = requests(of, rate=4, seconds=60)
        begins = play(policy, of, come).moments[:, BEGIN]
        seen.append(memory[1 : 1 + 18 * len(begins)].reshape(-1, 18)[begins <= moment])
    assert seen[0][-1, 3] > 0, "something is on the link at that moment"
    np.testing.assert_array_equal(*seen)


class WritesItsOwnBill(SplitPolicy):
    """Makes every arm free in what it is handed."""

    @staticmethod
    def choose(seen: Any, arms: Any, own: Any, memory: Any, luck: float) -> int:
        for number in range(len(arms)):
            arms[number].device, arms[number].server, arms[number].exits = 0.0, 0.0, 0.0
        seen.time, seen.unsent = 0.0, 0.0
        return len(arms) - 1 if luck < 0.5 else 0


def test_what_a_policy_writes_into_what_it_is_handed_changes_no_bill():
    conditions = table(4)
    of = game(conditions, 4)
    before, come = of.known.arms.copy(), requests(of)
    for _ in range(2):
        played = play(WritesItsOwnBill(), of, come)
        plain = simulate(of, conditions, come, played.arms, played.exits, "none")
        np.testing.assert_allclose(played.moments, plain, rtol=1e-9, atol=1e-9)
    assert (of.known.arms == before).all()


class SeesLabels(SplitPolicy):
    """Asks for what no device has."""

    @staticmethod
    def choose(seen: Any, arms: Any, own: Any, memory: Any, luck: float) -> int:
        return 0 if seen.label else 1


class SeesTheFuture(SplitPolicy):
    """Looks for the loop's own arrays."""

    @staticmethod
    def choose(seen: Any, arms: Any, own: Any, memory: Any, luck: float) -> int:
        import sys

        return len(sys._getframe(1).f_locals)


class LeavesCompiledCode(SplitPolicy):
    """Asks for plain Python in the middle."""

    @staticmethod
    def choose(seen: Any, arms: Any, own: Any, memory: Any, luck: float) -> int:
        with objmode(found="int64"):
            found = len(gc.get_objects())
        return found


class Beyond(SplitPolicy):
    """Chooses an arm that there is not."""

    @staticmethod
    def choose(seen: Any, arms: Any, own: Any, memory: Any, luck: float) -> int:
        return len(arms)


class BeyondItsMemory(SplitPolicy):
    """Looks where there is nothing."""

    @staticmethod
    def choose(seen: Any, arms: Any, own: Any, memory: Any, luck: float) -> int:
        return int(memory[1000000])


@pytest.mark.parametrize(
    ("policy", "why"), [(BeyondItsMemory(), "IndexError"), (SplitPolicy(), "NotImplementedError: A split")]
)
def test_an_error_in_compiled_code_is_told_and_stands_for_no_arm(policy, why):
    of = game(table())
    with pytest.raises(SeesawError, match=f"stops with {why}"):
        play(policy, of, requests(of))


@pytest.mark.parametrize("policy", [SeesLabels(), SeesTheFuture(), LeavesCompiledCode()])
def test_a_policy_that_looks_for_labels_or_the_future_cannot_be_compiled(policy):
    of = game(table())
    with pytest.raises(SeesawError, match=r"cannot be compiled .* what it is handed: seen.time"):
        play(policy, of, requests(of))


def test_a_policy_that_chooses_no_arm_is_named_with_the_request():
    of = game(table())
    with pytest.raises(SeesawError, match=r"Beyond\.choose gives no number from 0 to 6 for request 0"):
        play(Beyond(), of, requests(of))


def test_labels_change_nothing_that_a_policy_does():
    of = game(table(1), 1)
    come = requests(of)
    for policy in (Wild(), HiLcb()):
        other = type(of)(of.known, of.costs, of.link, ~of.right, ~of.exit_right, of.players, ())
        one, two = play(policy, of, come), play(policy, other, come)
        assert (one.moments == two.moments).all()
        assert (one.right != two.right).all()


@pytest.mark.parametrize("policy", [Fixed(cut=2), HiLcb(), Wild()])
def test_at_the_deadline_the_devices_own_exit_answers_what_was_sent(policy):
    conditions = table(6, loss=0.2)
    waits, gives_up = game(conditions, 6), game(conditions, 6, patience=0.08)
    come = requests(gives_up, rate=6, seed=6)
    played = play(policy, gives_up, come)
    plain = simulate(gives_up, conditions, come, played.arms, played.exits, policy.evaluates)
    sent, arms = played.exits < 0, gives_up.known.arms[played.arms]
    end = np.maximum(come.arrivals + 0.08, plain[:, DONE])
    own = sent & (arms["exits"] > 0) & (plain[:, ANSWERED] > end)
    assert own.any()
    assert (sent & ~own).any() or isinstance(policy, HiLcb), "which sends no more where nothing is answered"
    assert ((played.own >= 0) == own).all()
    assert (played.own[own] == arms["exits"][own] - 1).all(), "the last exit before the cut answers"
    np.testing.assert_allclose(played.moments[~own], plain[~own], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(played.moments[own], np.minimum(plain[own], end[own, None]), rtol=1e-9)
    right = [
        of_exit if is_own else of_arm
        for is_own, of_exit, of_arm in zip(
            own,
            gives_up.exit_right[played.own, come.samples],
            np.where(
                sent,
                gives_up.right[played.arms, come.samples],
                gives_up.exit_right[played.exits, come.samples],
            ),
            strict=True,
        )
    ]
    assert (played.right == np.array(right) & np.isfinite(played.seconds)).all()
    patient = play(policy, waits, come)
    assert (patient.own == -1).all()
    assert played.framed[own].min() > 0, "what was sent was sent"


class Listens(SplitPolicy):
    """Sends from the last cut, and writes down all that it learns of requests: 12 numbers each."""

    def begin(self, known):
        return np.zeros(1 + 12 * 1000)

    @property
    def evaluates(self):
        return "last"

    @staticmethod
    def choose(seen: Any, arms: Any, own: Any, memory: Any, luck: float) -> int:
        return len(arms) - 2

    @staticmethod
    def learn(arms: Any, own: Any, memory: Any, feedback: Any) -> None:
        at = 1 + 12 * int(memory[0])
        memory[at], memory[at + 1], memory[at + 2] = feedback.arm, feedback.sent, feedback.seconds
        memory[at + 3], memory[at + 4], memory[at + 5] = feedback.sending, feedback.away, feedback.server
        memory[at + 6], memory[at + 7], memory[at + 8] = feedback.bytes, feedback.local, feedback.answer
        memory[at + 9], memory[at + 10] = feedback.same, feedback.joules
        memory[0] += 1


@pytest.mark.parametrize("patience", [0.5, math.inf])
def test_a_request_that_is_given_up_is_learnt_once_and_as_such(patience, monkeypatch):
    start = np.array([0.0, 30.0, 60.0])
    of = game(
        Conditions.of(start, np.array([1e6, 100.0, 1e6]), watts=1.5, joules_per_byte=1e-4), patience=patience
    )
    come = requests(of, rate=2, seconds=400)
    policy = Listens()
    memory = policy.begin(of.known)
    monkeypatch.setattr(playing, "begun", lambda *given: memory)
    played = play(policy, of, come)
    count = int(memory[0])
    learnt, m = memory[1 : 1 + 12 * count].reshape(count, 12), played.moments[:count]
    wait = min(patience, GIVES_UP)
    told = np.minimum(m[:, ANSWERED], np.maximum(come.arrivals[:count] + wait, m[:, DONE]))
    given_up = (played.own[:count] >= 0) | (m[:, ANSWERED] > told)
    assert 10 < given_up.sum() < 0.5 * count
    assert ((learnt[:, 1] == 0) == given_up).all()
    assert (learnt[:, 6] == played.framed[:count]).all(), "its bytes tell it from one that stayed"
    np.testing.assert_allclose(learnt[:, 2], told - m[:, BEGIN], atol=1e-9)
    np.testing.assert_allclose(learnt[given_up, 4], (told - m[:, DONE])[given_up], atol=1e-9)
    assert (learnt[given_up, 3] == 0).all()
    assert (learnt[given_up, 5] == 0).all()
    assert np.isnan(learnt[given_up, 9]).all()
    if patience < math.inf:
        np.testing.assert_array_equal(
            learnt[given_up, 8], learnt[given_up, 7], "the device's own exit answers"
        )
    else:
        assert np.isnan(learnt[given_up, 8]).all(), "nobody has answered"
    # At 100 bytes/s the radio takes 1.51 W from the first byte on, and no longer than until then.
    most = 2.0 * (m[:, DONE] - m[:, BEGIN]) + 1.51 * (told - m[:, DONE])
    assert (learnt[given_up, 10] <= most[given_up] + 0.2).all()
    assert (learnt[given_up, 10] >= 2.0 * (m[:, DONE] - m[:, BEGIN])[given_up] - 1e-12).all()


def test_a_device_without_an_exit_before_its_cut_cannot_answer_itself():
    conditions = table(0).of(np.zeros(1), np.zeros(1), down=1.0)
    of = game(conditions, patience=0.1)
    come = requests(of)
    assert np.isinf(play(Fixed(cut=0), of, come).seconds).all()
    behind = play(Fixed(cut=2), of, come)
    assert (behind.own >= 0).all()
    assert behind.seconds == pytest.approx(np.maximum(0.1, behind.moments[:, DONE] - come.arrivals))


class Confident(SplitPolicy):
    """Writes down the confidences that it learns of the exits on the way to the last cut."""

    def begin(self, known):
        return np.zeros(8)

    @property
    def evaluates(self):
        return "all"

    @staticmethod
    def choose(seen: Any, arms: Any, own: Any, memory: Any, luck: float) -> int:
        return len(arms) - 2

    @staticmethod
    def learn(arms: Any, own: Any, memory: Any, feedback: Any) -> None:
        memory[0] += 1
        for exit_ in range(3):
            if not math.isnan(feedback.confidences[exit_]):
                memory[1 + exit_] += feedback.confidences[exit_]


def test_a_policy_learns_the_confidences_of_the_exits_that_its_device_computed_and_no_others(monkeypatch):
    conditions = table(2, least=3000.0)
    of = game(conditions, 2)
    come = requests(of, rate=3)
    policy = Confident()
    memory = policy.begin(of.known)
    monkeypatch.setattr(playing, "begun", lambda *given: memory)
    played = play(policy, of, come)
    heard = [k for k in range(len(come.arrivals)) if played.moments[k, ANSWERED] <= played.moments[-1, BEGIN]]
    exits = int(of.known.arms["exits"][-2])
    assert exits == 2
    assert memory[0] == len(heard)
    expected = of.costs.confidences[:, come.samples[heard]].sum(1)
    assert memory[1:4] == pytest.approx([*expected[:exits], 0.0])
