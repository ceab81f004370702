import math

import numpy as np
import pytest

from baselines.splits.memtl import Memtl, features, simulated
from bench import SplitPolicy, choose
from bench.replay.deploy.play import functions, play
from bench.replay.deploy.view import blank
from bench.testing import check_split
from tests.bench.deployed import game, requests, table

OF = game(table(1, least=200.0), 1, scale=20.0)


def chosen(policy, known, seen):
    """The arm for conditions, each asked of a policy that has just begun, by its compiled function."""
    own, memory = policy.own, policy.begin(known)
    rules, (view, _), count = functions(type(policy), own.dtype), blank(), len(known.arms)
    arms = []
    for rate, unsent, trip, wait, queue in seen:
        view["link"], view["rate"], view["unsent"], view["trip"], view["queue"] = (
            rate,
            rate,
            unsent,
            trip,
            queue,
        )
        memory[count], memory[count + 1], memory[count + 2] = wait, math.inf, math.inf
        arms.append(ask(rules.choose, view, known.arms, own, memory))
    return np.array(arms), memory


def ask(choose_, view, arms, own, memory):
    from bench.replay.streams.loop import compiled

    global _asked
    if _asked is None:
        _asked = compiled(lambda f, view, arms, own, memory: f(view[0], arms, own[0], memory, 0.5))
    return _asked(choose_, view, arms, own, memory)


_asked = None


def test_it_decides_nearly_as_the_optimiser_on_conditions_that_it_has_not_seen():
    policy, known = Memtl(lost=1.0, off=0.0), OF.known
    allowed = known.within(1.0)
    seen, costs = simulated(known, allowed, 1500, 0.0, np.random.default_rng(99))
    arms, memory = chosen(policy, known, seen)
    least, own = costs.min(1), costs[np.arange(1500), arms]
    fixed = costs.mean(0).min()
    assert (arms == costs.argmin(1)).mean() > 0.85
    assert own.mean() - least.mean() < 0.2 * (fixed - least.mean())
    # the compiled formula is that which was trained
    count, hidden = len(known.arms), 32
    shared = memory[count + 3 : count + 3 + 6 * hidden].reshape(hidden, 6)
    tops = memory[count + 3 + 6 * hidden :][: 4 * count * (hidden + 1)].reshape(4, count, hidden + 1)
    outer = np.concatenate([np.tanh(features(seen) @ shared.T), np.ones((1500, 1))], 1)
    shares = np.exp(np.einsum("nu,hau->hna", outer, tops))
    shares /= shares.sum(2, keepdims=True)
    sure = 1 + 1e-6 + (shares * np.log(shares)).sum(2) / math.log(count)
    assert ((sure[..., None] * shares).sum(0).argmax(1) == arms).mean() > 0.999


def test_the_same_seed_gives_the_same_ensemble_and_another_one_another():
    first, again, other = (Memtl(conditions=300, seed=seed).begin(OF.known) for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize("seed", [3, 5])
def test_over_changing_links_it_is_near_the_fastest_by_enumeration(seed):
    conditions = table(seed, least=500.0)
    of = game(conditions, seed, scale=20.0)
    come = requests(of, rate=0.5, seconds=200)
    means = {
        spec: play(choose(SplitPolicy, spec).plugin, of, come).seconds.mean()
        for spec in ("memtl[lost=1.0]", "dynamic[lost=1.0,bottlenecks=false]", "random")
    }
    assert means["memtl[lost=1.0]"] < 1.2 * means["dynamic[lost=1.0,bottlenecks=false]"]
    assert means["memtl[lost=1.0]"] < 0.9 * means["random"]


def test_it_takes_no_arm_that_loses_too_many_right_answers():
    of = game(table(2), 2)
    arms = play(Memtl(lost=0.01), of, requests(of)).arms
    assert of.known.within(0.01)[arms].all()


def test_it_is_a_split_policy_like_any_other():
    check_split(Memtl(conditions=500))
