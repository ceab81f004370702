import math

import numpy as np
import pytest

from bench import SeesawError, SplitPolicy, choose
from bench.kinds.channel import Conditions
from bench.replay.fleet.decide import work_of
from tests.bench.deployed import game, table


def work(spec, conditions=None, **rest):
    conditions = table(1, least=200.0) if conditions is None else conditions
    of = game(conditions, **rest)
    return of, work_of(choose(SplitPolicy, spec).plugin, spec, of, conditions)


def test_dynamic_takes_the_arm_that_is_fastest_at_the_rate_of_each_piece():
    conditions = table(1, least=200.0)
    of, made = work("dynamic[lost=1.0,bottlenecks=false]", conditions, scale=20.0)
    arms = of.known.arms
    for piece, arm in enumerate(made.arms):
        seconds = (
            arms["device"]
            + arms["bytes"] / conditions.up[piece]
            + 2 * conditions.delay[piece]
            + arms["server"]
        )
        seconds[-1] = arms["device"][-1]
        assert arm == seconds.argmin()
    assert len(np.unique(made.arms)) > 1


def test_a_sure_exit_on_the_way_answers_and_heads_are_paid_for():
    of, made = work("fixed[cut=2,codec=codec1,threshold=0.7]")
    arm, costs = made.arms[0], of.costs
    assert (made.arms == arm).all()
    sure = costs.confidences[0] >= 0.7  # the arm's part has two exits
    second = ~sure & (costs.confidences[1] >= 0.7)
    exits = int(of.known.arms[arm]["exits"])
    assert made.sent[arm].tolist() == (~sure & (~second if exits > 1 else True)).tolist()
    assert made.seconds[arm][sure] == pytest.approx(costs.reach[0] + costs.heads[0])
    stays = made.sent[arm]
    assert made.seconds[arm][stays] == pytest.approx(of.known.arms["device"][arm] + costs.heads[:exits].sum())
    assert (made.right[arm][sure] == of.exit_right[0][sure]).all()
    assert (made.framed[arm][~stays] == 0).all()


@pytest.mark.parametrize(
    ("spec", "words"),
    [("random", "explores, learns, or draws lots"), ("hi-lcb", "explores, learns, or draws lots"), ("splitee", "explores"), ("lyapunov[lost=1.0,budget=0.0001]", "decides otherwise"), ("oracle", "knows what is to come"),
     ("best-fixed", "knows what is to come"), ("enumeration", "chooses an exit for each request")],
)  # fmt: skip
def test_a_policy_without_a_decision_is_refused(spec, words):
    with pytest.raises(SeesawError, match=words):
        work(spec)


def test_a_link_that_stands_still_has_a_decision_too():
    still = Conditions.of(np.array([0.0, 5.0]), np.array([0.0, 1e5]), delay=0.01)
    of, made = work("neurosurgeon[lost=1.0]", still)
    assert made.arms[0] == len(of.known.arms) - 1
    assert not math.isnan(made.watts)
