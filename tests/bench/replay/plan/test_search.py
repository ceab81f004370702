"""Covers: bench/replay/plan/network.py"""

import itertools

import numpy as np
import pytest

from bench import Profile, SeesawError, choose
from bench.kinds.channel import Conditions
from bench.records.store import Store
from bench.replay.plan.limits import Limits, Prefer
from bench.replay.plan.network import network_at, options_of, played
from bench.replay.plan.queue import Arrivals, Road
from bench.replay.plan.search import Asked, search

METHODS = {"dense": (1.0, (150, 182)), "sparse": (0.5, (140, 178)), "pruned": (0.25, (120, 170))}
"""By method: costs, and how many samples of 200 each exit answers rightly with seed 0."""


@pytest.fixture
def home(made, tmp_path):
    """Three networks with three seeds each."""
    for (method, (scale, (first, last))), seed in itertools.product(METHODS.items(), range(3)):
        made(seed, method=method, right=(first + seed, last + seed), scale=scale).save(tmp_path / "records")
    return tmp_path


def asked(limits, prefer: Prefer = "accuracy", profile="scaled[by=20,watts=2.0]", **more):
    return Asked(
        limits, prefer, choose(Profile, profile).plugin, choose(Profile, "recorded").plugin,
        Road(Conditions.of(np.zeros(1), np.array([2e5]), delay=2e-3, watts=1.0, tail_seconds=0.1, tail_watts=0.5)),
        Arrivals.of(2.0, 100.0, 0), **more,
    )  # fmt: skip


def look(home, question):
    return search(home / "records" / "digits-v1", question, Store(home / "records", home / "runs"))


def every(home, question):
    """Every configuration of every network, its requests counted: the brute force."""
    for folder in sorted((home / "records" / "digits-v1").iterdir()):
        network = network_at(sorted(folder.glob("seed*.json")), question.device, question.server)
        for option in options_of(network, question.road, question.limits.miss):
            yield network.name, played(option, question.arrivals, question.road, question.limits)


LIMITS = [
    Limits(), Limits(latency=0.015), Limits(latency=0.012, miss=0.1, accuracy=0.85), Limits(device_bytes=5000, latency=0.05),
    Limits(energy=0.03), Limits(energy=0.012, accuracy=0.86),
]  # fmt: skip


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("prefer", ["accuracy", "latency", "energy", "device-bytes", "sent"])
def test_the_answer_is_that_of_brute_force(home, limits, prefer):
    question = asked(limits, prefer, runners=5)
    best = {}
    for name, costs in every(home, question):
        if not costs.excess(limits):
            best[name] = min(best.get(name, np.inf), costs.value(prefer))
    answer = look(home, question)
    values = [one.costs.value(prefer) for one in answer.found]
    assert values == pytest.approx(sorted(best.values()), rel=1e-12)
    assert {one.option.network.name for one in answer.found} == set(best)
    assert all(not one.costs.excess(limits) for one in answer.found)
    assert answer.looked.records == 9
    assert answer.looked.networks == answer.looked.whole == 3


def test_of_the_impossible_it_says_which_limit_is_in_the_way_and_by_how_much(home):
    limits = Limits(latency=0.05, accuracy=0.95, device_bytes=9000)
    answer = look(home, asked(limits))
    assert answer.found == ()
    assert list(answer.alone) == ["--min-accuracy"]
    within = Limits(latency=0.05, device_bytes=9000)
    nearest = max(costs.accuracy.value for _, costs in every(home, asked(within)) if not costs.excess(within))
    assert answer.alone["--min-accuracy"].costs.accuracy.value == pytest.approx(nearest)
    assert answer.alone["--min-accuracy"].costs.excess(limits)["--min-accuracy"] == pytest.approx(
        (0.95 - nearest) / 0.95
    )


def test_where_no_single_limit_is_in_the_way_the_nearest_to_all_is_named(home):
    answer = look(home, asked(Limits(latency=1e-6, accuracy=0.99)))
    assert answer.found == ()
    assert answer.alone == {}
    assert answer.nearest is not None
    assert set(answer.nearest.costs.excess(Limits(latency=1e-6, accuracy=0.99))) == {
        "--max-latency",
        "--min-accuracy",
    }


def test_what_is_contested_is_no_answer_and_is_named(home):
    folder = next((home / "records" / "digits-v1").glob("mlp_dense-*"))
    (folder / "seed1.contested").write_text("The test split was seen.")
    answer = look(home, asked(Limits()))
    assert "dense" not in answer.found[0].option.network.name
    assert any("The test split was seen" in reason for reason in answer.looked.left)


def test_networks_timed_on_another_machine_are_not_compared(home, made):
    other = made(0, method="random", right=(190, 199), scale=0.5)
    other = other.model_copy(update={"machine": {"processor": "a faster one", "threads": 1}}).sealed()
    other.save(home / "records")
    answer = look(home, asked(Limits()))
    assert "random" not in {one.option.network.records[0].setup.method.name for one in answer.found}
    assert any("a faster one" in reason for reason in answer.looked.left)
    answer = look(home, asked(Limits(), clocks="faster"))
    assert [one.option.network.records[0].setup.method.name for one in answer.found] == ["random"]
    answer = look(home, asked(Limits(accuracy=0.925)))
    assert answer.found == ()
    assert [one.option.network.name for one in answer.elsewhere] == ["mlp_random"]
    with pytest.raises(SeesawError, match="No network has times of 'sparc'"):
        look(home, asked(Limits(), clocks="sparc"))


def test_an_energy_limit_needs_the_power_of_the_device(home):
    with pytest.raises(SeesawError, match="the power of the device is unknown"):
        look(home, asked(Limits(energy=1.0), profile="recorded"))


def test_only_the_most_promising_are_read_whole_and_the_rest_is_counted(home):
    answer = look(home, asked(Limits(), look=1))
    assert (answer.looked.whole, answer.looked.unread) == (1, 2)
    assert "dense" in answer.found[0].option.network.name
    assert answer.looked.most < 1
    answer = look(home, asked(Limits(accuracy=0.93)))
    assert answer.looked.inaccurate >= 1
