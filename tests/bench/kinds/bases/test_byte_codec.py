"""Bytes through a compressor: what comes back, and what lying or damaged ones do."""

import tracemalloc
from contextlib import suppress

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from bench import byte_planes, from_byte_planes
from bench.kinds.bases.byte_codec import compressed, decompressed


@pytest.mark.parametrize("through", [None, "zstd", "lz4"])
@given(raw=st.binary(max_size=300))
def test_bytes_come_back(through, raw):
    assert decompressed(compressed(raw, through), through, len(raw)) == raw


@pytest.mark.parametrize("through", ["zstd", "lz4"])
@given(payload=st.binary(max_size=60))
def test_any_other_bytes_are_few_or_refused(through, payload):
    with suppress(ValueError):
        assert len(decompressed(payload, through, 100)) <= 100


@pytest.mark.parametrize("through", ["zstd", "lz4"])
def test_more_bytes_than_there_can_be_are_refused_before_they_are_made(through):
    payload = compressed(bytes(1 << 26), through)
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"."):
        decompressed(payload, through, 1000)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_a_frame_that_announces_its_size_is_refused():
    payload = zstandard.ZstdCompressor().compress(bytes(1 << 20))
    with pytest.raises(ValueError, match="announces 1048576 bytes"):
        decompressed(payload, "zstd", 1000)


def test_planes_hold_first_bytes_first():
    raw = np.array([0x0102, 0x0304], ">u2").tobytes()
    assert byte_planes(raw, 2) == b"\x01\x03\x02\x04"
    assert from_byte_planes(byte_planes(raw, 2), 2) == raw
    with pytest.raises(ValueError, match="reshape"):
        from_byte_planes(b"abc", 2)
