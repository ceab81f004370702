import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import SeesawError, read_frames, write_frame


@given(st.binary(max_size=300), st.lists(st.integers(0, 90), max_size=4))
def test_a_frame_comes_back(payload, shape):
    message = write_frame(payload, tuple(shape))
    assert read_frames(message) == [(payload, tuple(shape), "feature")]
    assert len(message) == len(payload) + 12 + 4 * len(shape)


def test_a_frame_holds_a_crc_32_of_all_else():
    message = write_frame(bytes(range(256)) * 9, (48, 48))
    assert struct.unpack("<I", message[8:12]) == (zlib.crc32(message[:8] + message[12:]),)


def test_frames_of_a_view_are_views_of_the_same_bytes():
    message = write_frame(b"abc", (3,)) + write_frame(b"12345678", (1, 2), "logits")
    frames = read_frames(memoryview(message))
    assert frames == read_frames(message)
    assert all(isinstance(one.payload, memoryview) and one.payload.obj is message for one in frames)


@given(st.binary(max_size=60))
def test_foreign_bytes_are_a_sentence(message):
    with pytest.raises(SeesawError):
        read_frames(message)


@given(st.data())
def test_a_flipped_bit_is_found(data):
    message = bytearray(write_frame(b"payload of a sample", (3, 4)))
    message[data.draw(st.integers(0, len(message) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(SeesawError):
        read_frames(bytes(message))


def test_a_frame_that_speaks_of_too_much_is_refused():
    with pytest.raises(SeesawError, match="too large"):
        read_frames(write_frame(b"", (1 << 10, 1 << 10)), limit=1 << 19)


@pytest.mark.parametrize("shape", [(1,) * 16, (1,) * 9, (-1, 2), (0, 1 << 32), (1 << 20, 1 << 20)])
def test_no_frame_is_written_that_could_not_be_read(shape):
    with pytest.raises(SeesawError, match="too large for a frame"):
        write_frame(b"", shape)


def test_frames_in_a_row_are_one_message_and_none_may_be_cut_short():
    message = write_frame(b"abc", (3,)) + write_frame(b"12345678", (1, 2), "logits")
    assert [one.content for one in read_frames(message)] == ["feature", "logits"]
    assert [one.payload for one in read_frames(message)] == [b"abc", b"12345678"]
    for end in range(len(message)):
        if end != len(write_frame(b"abc", (3,))):
            with pytest.raises(SeesawError):
                read_frames(message[:end])


def test_no_payload_above_a_limit_is_read():
    with pytest.raises(SeesawError, match="too large"):
        read_frames(write_frame(b"x" * 100, (100,)), limit=99)
