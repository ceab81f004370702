"""Rows that read the same columns, against comparing every row with every other."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import given
from hypothesis.extra.numpy import arrays

from bench.execution.row_groups import groups_of

MASKS = st.tuples(st.integers(1, 9), st.integers(1, 20)).flatmap(lambda shape: arrays(bool, shape))


@given(MASKS)
def test_rows_are_together_exactly_where_their_masks_are_equal(mask):
    weight = np.arange(1, mask.size + 1, dtype=np.float32).reshape(mask.shape)
    groups = groups_of(weight, mask)
    dense, group_of = np.zeros_like(weight), np.full(len(mask), -1)
    for number, group in enumerate(groups):
        assert (np.diff(group.columns) > 0).all()
        assert (group_of[group.rows] == -1).all()
        group_of[group.rows] = number
        dense[np.ix_(group.rows, group.columns)] = group.values.T
    assert np.array_equal(dense, weight * mask)
    assert np.array_equal(group_of[:, None] == group_of, (mask[:, None] == mask).all(2))
    firsts = [group.rows.min() for group in groups]
    assert firsts == sorted(firsts)


def test_a_layer_without_a_mask_is_one_group():
    weight = np.arange(6, dtype=np.float32).reshape(2, 3)
    (group,) = groups_of(weight, None)
    assert (group.rows.tolist(), group.columns.tolist()) == ([0, 1], [0, 1, 2])
    assert np.array_equal(group.values, weight.T)
