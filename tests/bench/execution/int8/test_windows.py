"""Steps of look-ups, against the weights that they are made from."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings

from bench.execution.int8.windows import LANES, sheet_of, steps_of
from bench.execution.program.layout import ABSENT
from bench.execution.program.program import Affine
from bench.execution.row_groups import groups_of


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 300)),
    density=st.sampled_from([0.0, 0.05, 0.125, 0.6, 1.0]),
    window=st.sampled_from([(128, 64), (32, 1), (256, 1)]),
    seed=st.integers(0, 99),
)
def test_steps_hold_every_weight_once_and_nothing_else(shape, density, window, seed):
    drawn = np.random.default_rng(seed)
    mask = drawn.random(shape) < density
    levels = drawn.integers(1, 128, shape) * mask
    columns = drawn.permutation(3 * shape[1])[: shape[1]]
    groups = groups_of(levels.astype(np.int8), mask)
    rebuilt, rows = np.zeros((shape[0], 3 * shape[1] + 256), int), []
    for some in steps_of(groups, columns, *window):
        rows += some.rows.tolist()
        assert (some.places % window[1] == 0).all()
        assert some.among.max(initial=0) < window[0]
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
    (some,) = steps_of(groups_of(mask.astype(np.int8), mask), np.arange(1024), 128, 64)
    assert 128 / 4 <= len(some.places) < 1.5 * 128 / 4


def image(**more):
    """A convolution of 3 x 3 over three channels of 4 x 5 pixels in rows of 7, two of padding."""
    first = 100 + np.arange(3) * 60
    columns = np.add.outer(first, [y * 7 + x for y in (-1, 0, 1) for x in (-1, 0, 1)]).reshape(-1)
    given = {"outer": 4, "length": 5, "in_outer": 7, "taps": 9}
    return Affine([], columns, np.zeros(2, np.float32), **(given | more))


def test_a_sheet_has_every_number_that_a_position_reads_where_it_is_looked_up():
    for samples in (1, 4):
        step = image()
        sheet = sheet_of(step, samples)
        arena = np.random.default_rng(0).integers(1, 100, (400, samples))
        laid = np.zeros((samples, sheet.pixels, sheet.wide), int)
        for channel, place in enumerate(sheet.channels):
            laid[:, :, channel] = arena[place : place + sheet.pixels].T
        laid = laid.reshape(-1)
        for outer in range(4):
            for position in range(5):
                for sample in range(samples):
                    at = outer * sheet.outer + sheet.line[position * samples + sample]
                    theirs = arena[step.columns + outer * 7 + position, sample]
                    assert (laid[at + sheet.columns] == theirs).all()


def test_columns_that_are_no_taps_of_channels_and_results_apart_have_no_sheet():
    assert sheet_of(image(), 1) is not None
    odd = image()
    odd.columns[3] += 1
    assert sheet_of(odd, 1) is None
    assert sheet_of(image(inner=2, out_inner=3, length=1), 1) is None
    assert sheet_of(image(keep=np.ones(5, bool)), 1) is None
    assert sheet_of(Affine([], np.full(4, ABSENT), np.zeros(1)), 1) is None


def test_a_number_that_is_nowhere_takes_no_channel():
    step = Affine([], np.array([7, ABSENT, 9]), np.zeros(1))
    sheet = sheet_of(step, 1)
    assert sheet.channels.tolist() == [7, 9]
    assert sheet.columns.tolist() == [0, ABSENT, 1]
    assert sheet.wide == LANES
