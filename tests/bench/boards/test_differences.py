"""Differences by pairs of seeds, beside SciPy's paired t-test."""

import pytest
from scipy import stats

from bench.boards.differences import MARGIN, Difference, worst

OWN = {0: 0.912, 1: 0.905, 2: 0.909, 3: 0.92, 7: 0.5}
OTHER = {0: 0.908, 1: 0.902, 2: 0.903, 3: 0.911, 9: 0.1}


def test_a_difference_is_over_the_seeds_that_both_have_with_students_interval():
    one = Difference.paired(OWN, OTHER)
    pairs = [(OWN[seed], OTHER[seed]) for seed in range(4)]
    test = stats.ttest_rel(*zip(*pairs, strict=True))
    low, high = test.confidence_interval(0.95)
    assert one.pairs == 4
    assert (one.mean - one.half, one.mean + one.half) == pytest.approx((low, high))
    low, high = test.confidence_interval(0.90)
    assert (one.mean - one.tested, one.mean + one.tested) == pytest.approx((low, high))
    assert one.is_told == (test.pvalue < 0.05)


@pytest.mark.parametrize("shift", [0.006, 0.002, -0.001, -0.0035, -0.004, -0.005, -0.006, -0.008, -0.02])
def test_a_verdict_is_that_of_two_one_sided_tests(shift):
    own = {seed: 0.9 + shift + noise for seed, noise in enumerate((-0.001, 0.0004, 0.0011))}
    one = Difference.paired(own, dict.fromkeys(own, 0.9))
    losses = [0.9 - value for value in own.values()]
    less, more = (stats.ttest_1samp(losses, MARGIN, alternative=side).pvalue for side in ("less", "greater"))
    assert one.verdict == ("within" if less <= 0.05 else "worse" if more < 0.05 else "cannot tell")


def test_a_single_pair_tells_nothing():
    one = Difference.paired({0: 0.9}, {0: 0.5})
    assert (one.half, one.verdict, one.is_told) == (None, "cannot tell", False)
    assert Difference.paired({0: 0.9}, {1: 0.9}) is None


def test_equal_pairs_are_within_and_not_told_apart():
    one = Difference.paired({0: 0.3, 1: 0.1 + 0.2}, {0: 0.1 + 0.2, 1: 0.3})
    assert (one.verdict, one.is_told) == ("within", False)


def test_exits_are_within_together_and_worse_by_one():
    assert worst(["within", "within"]) == "within"
    assert worst(["within", "cannot tell"]) == "cannot tell"
    assert worst(["cannot tell", "worse"]) == "worse"
    assert worst([]) == "cannot tell"
