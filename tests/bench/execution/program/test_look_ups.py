"""Steps of look-ups, against the weights that they are made from."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings

from bench.execution.program.look_ups import steps_of
from bench.execution.row_groups import groups_of


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 300)),
    density=st.sampled_from([0.0, 0.05, 0.125, 0.6, 1.0]),
    window=st.sampled_from([(128, 4, 64), (32, 4, 1), (256, 4, 1), (32, 1, 1)]),
    seed=st.integers(0, 99),
)
def test_steps_hold_every_weight_once_and_nothing_else(shape, density, window, seed):
    size, together, aligned = window
    drawn = np.random.default_rng(seed)
    mask = drawn.random(shape) < density
    levels = drawn.integers(1, 128, shape) * mask
    columns = drawn.permutation(3 * shape[1])[: shape[1]]
    groups = groups_of(levels.astype(np.int8), mask)
    rebuilt, rows = np.zeros((shape[0], 3 * shape[1] + 256), int), []
    for some in steps_of(groups, columns, size, together=together, aligned=aligned):
        rows += some.rows.tolist()
        assert (some.places % aligned == 0).all()
        assert some.among.max(initial=0) < size
        for place, values, among in zip(some.places, some.values, some.among, strict=True):
            for lane, row in enumerate(some.rows):
                np.add.at(rebuilt[row], place + among[lane].astype(int), values[lane].astype(int))
            assert not values[len(some.rows) :].any()
    assert sorted(rows) == list(range(shape[0]))
    assert (rebuilt[:, columns] == levels).all()
    assert rebuilt.sum() == levels.sum()


def test_rows_that_wait_for_others_take_few_steps_more_than_their_weights_fill():
    drawn, mask = np.random.default_rng(0), np.zeros((16, 1024), bool)
    for row in mask:
        row[drawn.permutation(1024)[:128]] = True
    groups = groups_of(mask.astype(np.int8), mask)
    (some,) = steps_of(groups, np.arange(1024), 128, together=4, aligned=64)
    assert 128 / 4 <= len(some.places) < 1.5 * 128 / 4
    (some,) = steps_of(groups, np.arange(1024), 32)
    assert 128 <= len(some.places) < 1.45 * 128
