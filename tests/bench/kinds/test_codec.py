import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import SeesawError, frame, unframe


@given(st.binary(max_size=300), st.lists(st.integers(0, 90), max_size=4))
def test_a_frame_comes_back(payload, shape):
    message = frame(payload, tuple(shape))
    assert unframe(message) == (payload, tuple(shape))
    assert len(message) == len(payload) + 12 + 4 * len(shape)


@given(st.binary(max_size=60))
def test_foreign_bytes_are_a_sentence(message):
    with pytest.raises(SeesawError):
        unframe(message)


@given(st.data())
def test_a_flipped_bit_is_found(data):
    message = bytearray(frame(b"payload of a sample", (3, 4)))
    message[data.draw(st.integers(0, len(message) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(SeesawError):
        unframe(bytes(message))


def test_a_frame_that_speaks_of_too_much_is_refused():
    with pytest.raises(SeesawError, match="too large"):
        unframe(frame(b"", (1 << 20, 1 << 20)))
