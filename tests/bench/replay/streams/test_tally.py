import numpy as np
import pytest
from scipy import stats

from bench.records.terms import ALL_LAYERS, Terms
from bench.replay.streams.tally import PolicyRow, Tally, against, varied


def row(name="splitee", offload=0.5, regrets=((1.0, 2.0),), cost=0.2, accuracy=0.9, bound=False):
    tallies = [Tally(accuracy, cost, 0.1, np.array(regret), np.array([1.0])) for regret in regrets]
    return PolicyRow(name, Terms(0.7, 0.1, offload, 1.0), bound, {}, tallies)


def test_regret_has_students_interval_at_every_mark_and_its_end_is_the_mean_of_the_row():
    regrets = np.array([[1.0, 5.0, 9.0], [2.0, 4.0, 16.0], [4.5, 6.0, 11.0]])
    mean, low, high = row(regrets=regrets).regret()
    for mark, values in enumerate(regrets.T):
        expected = stats.t.interval(0.95, 2, values.mean(), stats.sem(values))
        assert mean[mark] == pytest.approx(values.mean())
        assert (low[mark], high[mark]) == pytest.approx(expected)
    assert row(regrets=regrets).mean("regret").interval == pytest.approx((mean[-1], low[-1], high[-1]))


def test_one_pass_has_no_width():
    assert row(regrets=[[3.0, 7.0]]).regret().tolist() == [[3, 7]] * 3


def test_a_row_is_held_against_the_baseline_of_its_own_terms():
    rows = [
        row(ALL_LAYERS, 0.1, cost=1.0, accuracy=0.5), row(ALL_LAYERS, 0.5, cost=0.4, accuracy=0.8),
        row(offload=0.5, cost=0.3, accuracy=0.85),
    ]  # fmt: skip
    assert against(rows, rows[2], ALL_LAYERS) == pytest.approx((-0.25, 5))
    assert varied(rows) == {"offload"}
    assert varied(rows[1:]) == set()


def test_a_label_has_the_terms_that_it_is_given_and_marks_a_bound():
    assert row("oracle", bound=True).label == "oracle (bound)"
    assert row().label == "splitee"
