"""A link that stays as it is."""

import pytest

from baselines.channels.constant import Constant
from bench import Channel, SeesawError, choose


def test_megabits_and_a_round_trip_become_bytes_and_a_way():
    table = Constant(up=8, down=16, rtt=50, loss=0.01).conditions(1000, seed=3)
    assert len(table) == 1
    assert (table.up[0], table.down[0], table.delay[0], table.loss[0]) == (1e6, 2e6, 0.025, 0.01)


def test_a_link_that_loses_everything_is_a_sentence():
    with pytest.raises(SeesawError, match="constant\\[loss\\]: Input should be less than 1"):
        choose(Channel, "constant[loss=1]")
