"""Levels against sums by hand and in float64, and packed bits against Python's own whole numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import from_levels, pack_bits, packed_bytes, to_levels, unpack_bits


@pytest.mark.parametrize("bits", range(1, 9))
def test_every_number_is_off_by_half_a_step_at_most_and_both_ends_are_exact(bits):
    rows = np.random.default_rng(0).normal(3, 5, (4, 50)).astype(np.float32)
    levels, ranges = to_levels(rows, bits)
    back = from_levels(levels, ranges)
    step = (rows.max(1) - rows.min(1)) / (2**bits - 1)
    assert len(ranges) == 4 * 8
    assert levels.max() == 2**bits - 1
    assert (np.abs(back - rows) <= step[:, None] * 0.5001).all()
    assert np.array_equal(back.min(1), rows.min(1))
    assert np.allclose(back.max(1), rows.max(1), rtol=1e-5)


def test_equal_numbers_come_back_as_they_were_and_broken_ones_broken():
    same = np.full((1, 3), -2.5, np.float32)
    assert np.array_equal(from_levels(*to_levels(same, 2)), same)
    broken = np.array([[1, np.inf]], np.float32)
    assert not np.isfinite(from_levels(*to_levels(broken, 8))).all()


@given(st.integers(1, 8), st.data())
def test_packed_bits_are_the_digits_of_one_large_number(bits, data):
    levels = data.draw(st.lists(st.integers(0, 2**bits - 1), max_size=40))
    packed = pack_bits(np.array(levels, np.uint8), bits)
    digits = "".join(f"{level:0{bits}b}" for level in levels)
    digits += "0" * (-len(digits) % 8)
    assert packed == int(digits or "0", 2).to_bytes(len(digits) // 8, "big")
    assert len(packed) == packed_bytes(bits, len(levels))
    assert unpack_bits(packed, bits, len(levels)).tolist() == levels


def test_other_bytes_than_the_numbers_take_are_refused():
    with pytest.raises(ValueError, match="3 bytes for 5 numbers of 3 bits"):
        unpack_bits(b"abc", 3, 5)
