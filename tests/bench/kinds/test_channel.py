"""Tables of conditions: what they take, what they refuse, and which piece holds when."""

import numpy as np
import pytest

from bench import Conditions, SeesawError
from bench.kinds.channel import COLUMNS


def test_a_column_may_be_one_number_and_what_comes_down_is_as_fast_as_what_goes_up():
    table = Conditions.of([0, 2], [5.0, 7.0], delay=0.1)
    assert len(table) == 2
    assert table.down.tolist() == [5, 7]
    assert table.delay.tolist() == [0.1, 0.1]
    assert table.loss.tolist() == [0, 0]
    assert {getattr(table, name).dtype for name in COLUMNS} == {np.dtype(np.float64)}


def test_a_piece_holds_from_its_start_and_the_last_one_for_ever():
    table = Conditions.of([0, 2, 5], [1.0, 2.0, 3.0])
    assert table.piece(np.array([0, 1.9, 2, 4.9, 5, 1e9])).tolist() == [0, 0, 1, 1, 2, 2]


def test_nobody_changes_a_table():
    up = np.ones(2)
    table = Conditions.of([0, 1], up)
    up[:] = 9
    assert table.up.tolist() == [1, 1]
    with pytest.raises(ValueError, match="read-only"):
        table.up[0] = 2


@pytest.mark.parametrize(
    ("start", "up", "more", "sentence"),
    [
        ([0, 1], [1.0, 2.0, 3.0], {}, "shape"),
        ([], [], {}, "columns of one length"),
        ([1], [1.0], {}, "start at 0"),
        ([0, 1, 1], [1.0] * 3, {}, "start at 0"),
        ([0], [-1.0], {}, "negative"),
        ([0], [float("nan")], {}, "negative"),
        ([0], [float("inf")], {}, "infinite"),
        ([0], [1.0], {"loss": 1.0}, "Give a rate of 0"),
        ([0], [1.0], {"delay": -0.1}, "negative"),
        ([0], [1.0], {"tail_watts": -1.0}, "negative"),
    ],
)
def test_what_is_no_table_is_a_sentence(start, up, more, sentence):
    with pytest.raises((SeesawError, ValueError), match=sentence):
        Conditions.of(start, up, **more)
