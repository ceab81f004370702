import numpy as np
import pytest

from bench import SeesawError, SplitPolicy, choose
from bench.kinds.channel import Conditions
from bench.replay.deploy.play import play
from bench.replay.plan.queue import MOST, Arrivals, Road, Work, in_turn, served
from tests.bench.deployed import game, requests, table


@pytest.mark.parametrize("loss", [0.0, 0.2])
@pytest.mark.parametrize(("cut", "threshold"), [(0, None), (1, None), (2, 0.7), (3, 0.6)])
def test_every_request_is_answered_when_the_compiled_loop_answers_it(cut, threshold, loss):
    conditions = table(3, loss=loss)
    of = game(conditions, seed=5, scale=2.0)
    come = requests(of, rate=6.0, seconds=150.0)
    setting = "" if threshold is None else f",threshold={threshold}"
    codec = "" if cut == 3 else ",codec=codec1"
    theirs = play(choose(SplitPolicy, f"fixed[cut={cut}{codec}{setting}]").plugin, of, come)
    exits = theirs.exits
    work = Work(
        theirs.moments[:, 1] - theirs.moments[:, 0],
        exits < 0,
        theirs.framed,
        float(of.known.arms["server"][theirs.arms[0]]),
    )
    own = served(work, Arrivals(come.arrivals, come.luck), Road(conditions, 64))
    assert (exits < 0).any() == (cut < 3)
    np.testing.assert_allclose(own.seconds, theirs.seconds, rtol=1e-9, atol=1e-7)
    assert own.radio == pytest.approx((theirs.radio + theirs.tails).mean(), rel=1e-6)
    assert own.sent == pytest.approx(theirs.framed.mean())
    assert own.compute == pytest.approx(theirs.compute.mean() / of.costs.watts)


def test_requests_are_those_of_a_deployment():
    of = game(table())
    theirs, own = requests(of, rate=7.0, seconds=90.0, seed=4), Arrivals.of(7.0, 90.0, 4)
    assert (own.moments == theirs.arrivals).all()
    assert (own.luck == theirs.luck).all()


def test_where_nothing_passes_any_more_no_answer_comes():
    road = Road(
        Conditions.of(
            np.array([0.0, 10.0]), np.array([1000.0, 0.0]), watts=2.0, tail_seconds=1.0, tail_watts=1.0
        )
    )
    work = Work(np.zeros(3), np.ones(3, bool), np.full(3, 4000.0), 0.0)
    own = served(work, Arrivals(np.array([0.0, 1.0, 2.0]), np.ones((3, 3))), road)
    assert own.seconds.tolist() == pytest.approx([4.064, 7.064, np.inf])
    assert own.radio == pytest.approx((8 * 2 + 1) / 3)


def test_in_turn_is_a_queue():
    assert in_turn(np.array([0.0, 1.0, 5.0]), np.array([2.0, 2.0, 1.0])).tolist() == [2.0, 4.0, 6.0]


def test_no_sending_undercuts_the_least():
    conditions = table(2, least=100.0)
    road = Road(conditions)
    work = Work(np.zeros(200), np.ones(200, bool), np.full(200, 900.0), 0.0)
    own = served(work, Arrivals(np.linspace(0, 150, 200), np.ones((200, 3))), road)
    assert own.seconds.min() >= road.least(900.0)
    assert own.radio >= road.least_joules(900.0)


def test_too_many_requests_and_none_are_refused():
    with pytest.raises(SeesawError, match=f"at most {MOST:,}"):
        Arrivals.of(1e6, 1e6, 0)
    with pytest.raises(SeesawError, match="No request comes"):
        Arrivals.of(1e-9, 1.0, 0)
