"""Levels: rounding, bounds and scaling in whole numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.execution.int8.levels import TOP, level, scaling


def test_halves_round_up_and_what_lies_outside_is_the_bound():
    x = np.array([0.5, -0.5, 1.49, -1.51, 126.5, 1e30, -1e30, np.inf, -np.inf, np.nan], np.float32)
    assert level(x, np.float32(1)).tolist() == [1, 0, 1, -2, 127, 127, -127, 127, -127, -127]


@given(
    ratio=st.floats(1e-9, 0.47),
    sums=st.integers(-(2**31) + 1, 2**31 - 1),
    bounds=st.tuples(st.integers(-TOP, TOP), st.integers(-TOP, TOP)).map(sorted),
)
def test_scaling_is_multiplying_and_rounding(ratio, sums, bounds):
    low, high = bounds
    found = scaling(np.array([ratio]), low, high)
    exact = sums * int(found.factors[0]) + found.start
    assert abs(exact) < 2**63
    ours = int(found.levels(np.array([sums * int(found.factors[0])], np.int64))[0])
    wanted = min(max(sums * ratio, low), high)
    assert abs(ours - wanted) <= 0.5 + 1e-6 * abs(sums * ratio) + abs(sums) * 2.0**-54
    assert low <= ours <= high


def test_bounds_that_are_infinite_are_those_of_levels():
    found = scaling(np.array([0.01]), -np.inf, np.inf)
    assert (found.low, found.high) == (-TOP, TOP)


def test_a_ratio_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="too large"):
        scaling(np.array([0.6]), 0, 1)
