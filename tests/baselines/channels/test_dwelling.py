"""States that last for exponential times, and the channels that are made of them.

Covers: baselines/channels/gilbert_elliott.py, baselines/channels/markov.py
"""

import numpy as np
import pytest

from baselines.channels.dwelling import switched
from baselines.channels.gilbert_elliott import GilbertElliott
from baselines.channels.markov import Markov
from bench import SeesawError


def shares(table, values, column):
    """The share of the time that a column has each value."""
    widths = np.diff(np.append(table.start, 100_000))
    return [widths[np.isclose(getattr(table, column), value)].sum() / 100_000 for value in values]


def test_bad_times_have_their_share_and_the_mean_loss_is_as_the_formula_has_it():
    channel = GilbertElliott(up=8, good=9, bad=1, good_loss=0.01, bad_loss=0.5, bad_rate=0.25)
    table = channel.conditions(100_000, 0)
    assert shares(table, [0.01, 0.5], "loss") == pytest.approx([0.9, 0.1], abs=0.01)
    assert shares(table, [1e6, 2.5e5], "up") == pytest.approx([0.9, 0.1], abs=0.01)
    widths = np.diff(np.append(table.start, 100_000))
    assert (table.loss * widths).sum() / 1e5 == pytest.approx((9 * 0.01 + 1 * 0.5) / 10, rel=0.1)
    assert widths[1::2].mean() == pytest.approx(1, rel=0.05)


def test_a_chain_of_rates_visits_the_inner_ones_twice_as_often():
    table = Markov(up=(1, 2, 4), dwell=3, down=0.5).conditions(100_000, 1)
    assert shares(table, [125_000, 250_000, 500_000], "up") == pytest.approx([0.25, 0.5, 0.25], abs=0.02)
    assert np.array_equal(table.down, table.up / 2)
    steps = np.abs(np.diff(np.log2(table.up)))
    assert steps.max() == 1


def test_a_chain_that_moves_anywhere_visits_all_alike():
    table = Markov(up=(1, 2, 4), dwell=3, moves="any").conditions(100_000, 1)
    assert shares(table, [125_000, 250_000, 500_000], "up") == pytest.approx([1 / 3] * 3, abs=0.02)


def test_a_chain_of_one_rate_stays():
    assert set(Markov(up=(3.0,)).conditions(100, 0).up) == {375_000}


def test_seeds_differ_and_a_longer_course_begins_with_a_shorter_one():
    means, moves = np.array([2.0, 1.0]), np.array([[0.0, 1], [1, 0]])
    starts, states = switched(means, moves, 5000, 3)
    longer = switched(means, moves, 20_000, 3)
    assert np.array_equal(longer[0][: len(starts)], starts)
    assert np.array_equal(longer[1][: len(states)], states)
    assert starts[0] == 0
    assert starts[-1] <= 5000
    assert not np.array_equal(switched(means, moves, 5000, 4)[0][:10], starts[:10])


def test_changes_without_number_are_a_sentence():
    with pytest.raises(SeesawError, match="Let its states last longer"):
        GilbertElliott(bad=1e-6).conditions(3600, 0)
