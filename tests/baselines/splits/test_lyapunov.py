import numpy as np
import pytest

from bench import SeesawError, SplitPolicy, choose
from bench.kinds.channel import Conditions
from bench.replay.deploy.play import play
from bench.testing import check_split
from tests.bench.deployed import game, requests, table


def steady(rate, **more):
    return Conditions.of(np.zeros(1), np.array([rate]), **({"delay": 0.002} | more))


def played(spec, of, come):
    return play(choose(SplitPolicy, spec).plugin, of, come)


def joules(one):
    return (one.compute + one.radio).mean()


@pytest.mark.parametrize("rate", [300.0, 3e4, 1e6])
def test_without_queues_and_budget_it_takes_the_fastest_arm(rate):
    of = game(steady(rate), 1, scale=20.0)
    come = requests(of, rate=0.1, seconds=1000)
    own = played("lyapunov[lost=1.0]", of, come)
    other = played("dynamic[lost=1.0,bottlenecks=false]", of, come)
    assert (own.arms == other.arms).all()


def test_a_budget_of_joules_is_kept_on_the_mean_and_costs_time():
    of = game(steady(2e4, watts=0.4), 3, scale=20.0)
    come = requests(of, rate=0.5, seconds=20_000)
    free = played("lyapunov[lost=1.0]", of, come)
    least = min(
        joules(played(f"fixed[cut={cut},codec=codec{codec}]", of, come))
        for cut in range(3)
        for codec in range(2)
    )
    budget = (joules(free) + least) / 2
    assert least < 0.9 * budget
    kept = played(f"lyapunov[lost=1.0,budget={budget},v=10]", of, come)
    assert joules(kept) == pytest.approx(budget, rel=0.02)
    assert kept.seconds.mean() > free.seconds.mean()
    slower = played(f"lyapunov[lost=1.0,budget={(budget + least) / 2},v=10]", of, come)
    assert slower.seconds.mean() > kept.seconds.mean()


def test_a_larger_v_is_faster_and_exceeds_the_budget_for_longer():
    of = game(steady(2e4, watts=0.4), 3, scale=20.0)
    come = requests(of, rate=0.5, seconds=2_000)
    budget = 0.9 * joules(played("lyapunov[lost=1.0]", of, come))
    small, large = (played(f"lyapunov[lost=1.0,budget={budget},v={v}]", of, come) for v in (0.1, 300))
    assert large.seconds.mean() < small.seconds.mean()
    assert joules(large) > joules(small)


def test_where_requests_wait_for_the_device_it_gives_more_to_the_server():
    of = game(steady(4e3), 1, scale=20.0)
    come = requests(of, rate=2.5, seconds=300)  # more than the device alone can do
    own, greedy = (
        played("lyapunov[lost=1.0]", of, come),
        played("dynamic[lost=1.0,bottlenecks=false]", of, come),
    )
    assert (own.exits < 0).sum() > 100 * (greedy.exits < 0).sum()
    assert own.seconds.mean() < 3 < 100 < greedy.seconds.mean()


def test_outages_send_nothing_that_could_be_computed_here():
    conditions = table(4)
    of = game(conditions, 4, scale=3.0)
    come = requests(of, rate=2)
    assert played("lyapunov", of, come).seconds.mean() < played("always-server", of, come).seconds.mean()


def test_a_budget_without_the_devices_power_is_a_sentence():
    of = game(table(), watts=float("nan"))
    with pytest.raises(SeesawError, match="device's power is unknown"):
        played("lyapunov[budget=0.1]", of, requests(of))
    played("lyapunov", of, requests(of))


def test_it_is_a_split_policy_like_any_other():
    check_split(choose(SplitPolicy, "lyapunov").plugin)
