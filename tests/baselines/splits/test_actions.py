"""Actions of an exit, a cut and a codec, and their enumeration, held against plain loops.

Covers: baselines/splits/enumeration.py
"""

import math
from dataclasses import replace

import numpy as np
import pytest

from baselines.splits.actions import ACTION_EXIT, ARM, LEAVES_AT, STAYS, Condition, actions, expected, gate
from baselines.splits.enumeration import Enumeration
from bench.replay.deploy.play import play
from bench.replay.deploy.steps import BEGIN, DONE
from bench.testing import check_split
from tests.bench.deployed import game, requests, table

OF = game(table(1, least=200.0), 1, samples=200, scale=20.0)


def test_an_exits_answers_stand_as_long_as_they_lose_no_more_than_is_allowed():
    known, rng = OF.known, np.random.default_rng(0)
    for lost in (0.0, 0.02, 0.1, 1.0):
        confidences = np.round(rng.uniform(0.3, 1.0, known.confidences.shape), 2)  # some alike
        made = replace(known, confidences=confidences)
        for exit_ in range(2):
            threshold, share = gate(made, exit_, lost)
            best = 0.0
            for candidate in np.unique(confidences[exit_]):
                stays = confidences[exit_] >= candidate
                kept = (
                    known.exit_right[-1, stays].mean() - known.exit_right[exit_, stays].mean() <= lost + 1e-9
                )
                best = max(best, stays.mean()) if kept else best
            assert share == pytest.approx(best)
            assert (confidences[exit_] >= threshold).mean() == pytest.approx(share)


def test_there_is_an_action_for_each_arm_and_each_exit_before_its_cut():
    table_ = actions(OF.known, 1.0, True)
    pairs = {(int(row[ARM]), int(row[ACTION_EXIT])) for row in table_}
    expected_ = {
        (number, exit_)
        for number, arm in enumerate(OF.known.arms)
        for exit_ in range(-1, min(int(arm["exits"]), 2))
    }
    assert pairs == expected_
    assert (actions(OF.known, 1.0, False)[:, ACTION_EXIT] == -1).all()
    assert table_[-1, [ARM, ACTION_EXIT]].tolist() == [len(OF.known.arms) - 1, -1]
    unknown = replace(OF.known, reach=np.zeros(0), heads=np.zeros(0))
    assert (actions(unknown, 1.0, True)[:, ACTION_EXIT] == -1).all()


def test_the_head_is_paid_for_by_requests_that_ask_it_and_by_no_others():
    of = game(table(3, least=2000.0), 3, samples=200, scale=20.0)
    come = requests(of, rate=0.2, seconds=900)
    policy = Enumeration(lost=0.1)
    played = play(policy, of, come)
    rows = actions(of.known, 0.1, True)
    took = played.moments[:, DONE] - played.moments[:, BEGIN]
    kinds = set()
    for arm, left, sample, seconds in zip(played.arms, played.exits, come.samples, took, strict=True):
        known, able = of.known, rows[rows[:, ARM] == arm]
        stays = [
            (known.reach[int(one[ACTION_EXIT])] + known.heads[int(one[ACTION_EXIT])], int(one[ACTION_EXIT]))
            for one in able
            if one[ACTION_EXIT] >= 0 and of.costs.confidences[int(one[ACTION_EXIT]), sample] >= one[LEAVES_AT]
        ]
        goes_on = [known.arms["device"][arm]] + [
            known.arms["device"][arm] + known.heads[int(one[ACTION_EXIT])]
            for one in able
            if one[ACTION_EXIT] >= 0 and of.costs.confidences[int(one[ACTION_EXIT]), sample] < one[LEAVES_AT]
        ]
        last = arm == len(known.arms) - 1
        is_early = left >= 0 and not (last and left == len(known.reach) - 1)
        kinds.add(is_early)
        if is_early:
            assert any(exit_ == left and seconds == pytest.approx(one) for one, exit_ in stays)
        else:
            assert any(seconds == pytest.approx(one) for one in goes_on)
    assert kinds == {True, False}


def test_it_takes_the_action_of_the_least_expected_time():
    steady = table(0, pieces=1)
    for rate in (50.0, 3e3, 5e4, 1e6):
        conditions = replace(steady, up=np.array([rate]))
        of = game(conditions, 4, samples=200, scale=20.0)
        one = requests(of, rate=0.01, seconds=2000)
        played = play(Enumeration(lost=1.0, ahead=0.0), of, one)
        rows = actions(of.known, 1.0, True)
        trip = float(2 * conditions.delay[0])
        seen = Condition(*(np.array([value]) for value in (rate, 0.0, trip, 0.0)))
        least = expected(rows, seen, len(of.known.arms) - 1)[0][0]
        arms = set(rows[least <= least.min() * 1.02, ARM].astype(int).tolist())
        assert set(played.arms[3:].tolist()) <= arms


def test_expected_seconds_are_the_means_of_both_ways():
    rows = actions(OF.known, 1.0, True)
    seen = Condition(
        np.array([1e4, 10.0]), np.array([0.0, 500.0]), np.array([0.1, 0.2]), np.array([0.0, 0.3])
    )
    seconds, _ = expected(rows, seen, len(OF.known.arms) - 1)
    for case in range(2):
        for number, row in enumerate(rows):
            arm = OF.known.arms[int(row[ARM])]
            exit_, share = int(row[ACTION_EXIT]), row[STAYS]
            head = OF.known.heads[exit_] if exit_ >= 0 else 0.0
            here = OF.known.reach[exit_] + head if exit_ >= 0 else 0.0
            away = arm["device"] + head
            if arm["codec"] >= 0:
                away += (
                    (seen.unsent[case] + arm["bytes"]) / seen.rate[case]
                    + seen.trip[case]
                    + seen.wait[case]
                    + arm["server"]
                )
            assert seconds[case, number] == pytest.approx(share * here + (1 - share) * away)


def test_with_requests_that_wait_it_regards_the_devices_time_more():
    of = game(table(5, least=5000.0), 5, samples=200, scale=60.0)
    come = requests(of, rate=1.2, seconds=300)
    means = [play(Enumeration(lost=1.0, ahead=ahead), of, come).seconds.mean() for ahead in (0.0, 1.0)]
    assert math.isfinite(means[1])
    assert means[1] <= means[0]


def test_answers_are_as_right_as_without_exits_but_for_the_allowed_share():
    of = game(table(6), 6, samples=300, scale=20.0)
    come = requests(of, rate=0.5, seconds=2000)
    right = play(Enumeration(lost=0.01), of, come).right.mean()
    whole = play(Enumeration(lost=0.01, exits=False), of, come).right.mean()
    assert right >= whole - 0.03


def test_it_is_a_split_policy_like_any_other():
    check_split(Enumeration())
    check_split(Enumeration(lost=1.0, exits=False))
