import numpy as np
import pytest

from bench import SeesawError
from bench.kinds.channel import Conditions
from bench.replay.fleet.fleet import Fleet, plain_work, shared_out
from bench.replay.fleet.servers import needed
from bench.replay.fleet.simulate import simulate
from tests.bench.deployed import table

LINK = table(1, least=3000.0)


def fleet(service=0.05, deadline=0.3, tables=(LINK,), rate=2.0, devices=120, sends=200.0):
    works = [plain_work(0.01, sends, service)] * len(tables)
    return Fleet(shared_out(devices, tables, works), rate, 60.0, deadline=deadline, spread=60.0)


@pytest.mark.parametrize("share", [0.3, 0.16, 0.13])
def test_the_smallest_number_is_that_of_trying_all(share):
    of = fleet()
    every = [simulate(of, servers).miss for servers in range(1, 30)]
    assert every == sorted(every, reverse=True)  # one more server never makes an answer late
    found = needed(of, share)
    assert found.least is not None
    assert found.least.servers == 1 + next(place for place, one in enumerate(every) if one <= share) > 5
    assert found.none_waits.miss <= min(every)
    assert [one.servers for one in found.tried] == sorted({one.servers for one in found.tried})


def test_servers_do_not_help_where_the_link_takes_too_long():
    found = needed(fleet(deadline=0.02), 0.01)
    assert found.least is None
    assert not found.tried
    assert found.none_waits.miss > 0.01


def test_no_server_is_needed_where_nothing_is_sent():
    of = fleet()
    here = of.groups[0].work._replace(sent=np.zeros((1, 1), bool))
    alone = Fleet(shared_out(10, [Conditions.of(np.zeros(1), np.ones(1))], [here]), 1.0, 20.0, deadline=1.0)
    found = needed(alone, 0.0)
    assert found.least is found.none_waits


def test_one_server_is_enough_for_few():
    found = needed(fleet(devices=2, tables=(table(1, least=1e5),)), 0.0)
    assert found.least is not None
    assert found.least.servers <= 2


def test_without_a_deadline_nothing_is_late():
    with pytest.raises(SeesawError, match="Give --deadline"):
        needed(fleet(deadline=None), 0.01)
