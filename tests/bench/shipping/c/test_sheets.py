"""Sheets hold what the rows read, in blocks that rows share, and no more of it than there is room for."""

import numpy as np
import pytest

from bench.execution.row_groups import Group
from bench.shipping.c.int_steps import LONGEST, bridged, filled, pairs_of, run_of
from bench.shipping.c.sheets import LEAST, NUMBER, ROOM, order_of, sheets_of

KERNEL = np.add.outer(np.arange(5) * 18, np.arange(5)).reshape(-1)
"""Places of a kernel of 5 x 5 in an image 18 wide."""


def kernels(*channels, apart=400):
    """What a row reads of these channels."""
    return np.sort(np.concatenate([KERNEL + apart * channel for channel in channels]))


def read(sheets):
    """What each group of rows reads, by the sheets."""
    return [
        np.sort((sheet.starts[blocks][:, None] + sheet.pattern).reshape(-1))
        for sheet in sheets
        for blocks in sheet.blocks
    ]


@pytest.mark.parametrize(
    ("groups", "count"),
    [
        ([kernels(0, 3), kernels(1, 3), kernels(0, 7), kernels(2)], 1),
        ([kernels(0, 1, 2, 3)], 1),
        ([kernels(n, n + 1) for n in range(64)], 4),  # more than there is room for at once
        ([np.arange(9) * 3, np.arange(9) * 3 + 100], 2),
    ],
)
def test_every_group_reads_its_places(groups, count):
    sheets = sheets_of(groups, [2] * len(groups))
    assert len(sheets) >= 1
    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(read(sheets), groups, strict=True))
    assert len(sheets) <= count
    for sheet in sheets:
        assert len(sheet.blocks) == 1 or NUMBER * len(sheet.starts) * len(sheet.pattern) <= ROOM


def test_rows_share_blocks_of_whole_kernels():
    (sheet,) = sheets_of([kernels(0, 3), kernels(1, 3), kernels(0, 7)], [1, 1, 1])
    assert len(sheet.pattern) == 25
    assert sheet.starts.tolist() == [0, 400, 1200, 2800]
    assert [one.tolist() for one in sheet.blocks] == [[0, 2], [1, 2], [0, 3]]


def test_rows_with_little_in_common_have_no_sheet():
    drawn = np.random.default_rng(0)
    groups = [np.sort(drawn.choice(200, 25, replace=False)) for _ in range(12)]
    assert sheets_of(groups, [1] * 12) is None
    shared = sheets_of(groups, [4] * 12)
    assert [len(sheet.pattern) for sheet in shared] == [25] * 12
    assert LEAST > 1


def test_runs_of_four_come_first_and_gaps_lead_to_all_columns():
    order, fours = order_of(KERNEL)
    assert sorted(order.tolist()) == list(range(25))
    assert fours == 5
    (sheet,) = sheets_of([KERNEL + 7], [3])
    gaps = sheet.gaps.tolist()
    runs = np.add.outer(np.cumsum(gaps[:5]), np.arange(4)).reshape(-1)
    assert [*runs.tolist(), *np.cumsum(gaps[5:]).tolist()] == sheet.pattern.tolist()
    assert min(gaps) >= 0


def test_weights_lie_in_the_order_of_their_columns():
    groups = [kernels(0, 3), kernels(1)]
    (sheet,) = sheets_of(groups, [2, 1])
    for places, blocks, rows in zip(groups, sheet.blocks, (2, 1), strict=True):
        values = np.random.default_rng(1).integers(-127, 128, (len(places), rows))
        laid = sheet.laid_out(values, blocks).reshape(rows, -1)
        columns = (sheet.starts[blocks][:, None] + sheet.pattern).reshape(-1)
        assert np.array_equal(laid, values[np.searchsorted(places, columns)].T)


def test_pairs_are_words_of_two_weights():
    values = np.array([[1, -2, 3, -4, 5, 6, -7]], np.int8)
    words = pairs_of(values)
    assert words.view("<i2").tolist() == [1, 3, -2, -4, 5, 6, -7, 0]


def test_a_layer_of_many_weights_is_written_whole():
    places = [np.array([0, 2]), np.array([2, 5])]
    groups = [Group(np.array([n]), np.arange(2), np.array([[n + 1], [n + 3]], np.int8)) for n in range(2)]
    ((whole, union),) = filled(list(zip(groups, places, strict=True)))
    assert union.tolist() == [0, 2, 5]
    assert whole.values.T.tolist() == [[1, 3, 0], [0, 2, 4]]
    far = [np.array([0, 2]), np.array([7, 9, 11])[:2] + 50]
    few = [
        *zip(groups, far, strict=True),
        (Group(np.array([2, 3]), np.arange(0), np.zeros((0, 2), np.int8)), np.zeros(0, int)),
    ]
    assert filled(few) is few


def test_columns_that_follow_one_another_have_one_gap_where_rows_read_them_together():
    def groups(*columns, rows=2):
        return [
            (Group(np.arange(rows), np.arange(len(one)), np.ones((len(one), rows), np.int8)), one)
            for one in columns
        ]

    pairs = [np.array([0, 1, 6, 7, 8, 9]), np.array([2, 3])]
    assert run_of(groups(*pairs)) == 2
    assert run_of(groups(*pairs, rows=1)) == 1
    assert run_of(groups(np.array([0, 1, 2, 5]))) == 1
    assert run_of(groups(np.zeros(0, int))) == 1


@pytest.mark.parametrize(
    ("places", "run"), [([0, 1, 600, 601, 856, 857], 2), ([3, 258, 514, 2000], 1), ([4, 5, 6, 7], 4)]
)
def test_long_gaps_are_bridged_by_weights_of_zero(places, run):
    places = np.array(places)
    group = Group(
        np.arange(2), np.arange(len(places)), np.arange(2 * len(places)).reshape(-1, 2).astype(np.int8) + 1
    )
    whole, every = bridged(group, places, run)
    assert np.diff(every[::run]).max(initial=0) <= LONGEST
    assert (every.reshape(-1, run) == every[::run, None] + np.arange(run)).all()
    at = np.isin(every, places)
    assert every[at].tolist() == places.tolist()
    assert np.array_equal(whole.values[at], group.values)
    assert not whole.values[~at].any()
    assert len(every) <= len(places) + run * (places[-1] // LONGEST)
