"""Features sent through a codec: what arrives, and how many bytes.

Covers: bench/kinds/codec.py
"""

from contextlib import suppress

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bench import Codec, SeesawError, choose, write_frame
from bench.kinds.sending import receive, send
from bench.measuring.inputs import Ids, Image8, Jpeg
from bench.network.crossing import Crossing


def codec(spec):
    return choose(Codec, spec).plugin


@pytest.mark.parametrize("carried", [0, 3])
def test_what_is_sent_without_loss_arrives_and_its_bytes_are_counted(carried):
    cut = Crossing((2, 3), carried, 4)
    x = torch.randn(5, *cut.joined)
    messages, arrived = send(cut, x, codec("float32"))
    assert torch.equal(arrived, x)
    assert [one.payload for one in messages] == [4 * (6 + 4 * carried)] * 5
    heads = 12 + 4 * 2 + (12 + 4 * 2 if carried else 0)
    assert [len(one.frames) for one in messages] == [4 * (6 + 4 * carried) + heads] * 5


def test_only_the_feature_goes_through_the_codec():
    cut = Crossing((4, 4), 2, 3)
    x = torch.randn(2, *cut.joined)
    messages, arrived = send(cut, x, codec("int8"))
    feature, logits = cut.part(arrived)
    assert torch.equal(torch.stack(logits), torch.stack(cut.part(x)[1]))
    assert not torch.equal(feature, cut.part(x)[0])
    assert torch.allclose(feature, cut.part(x)[0], atol=0.05)
    assert torch.equal(receive(cut, [one.frames for one in messages], codec("int8")), arrived)


@pytest.mark.parametrize("other", [Crossing((4, 3), 2, 3), Crossing((4, 4), 1, 3), Crossing((4, 4), 0, 3)])
def test_a_message_of_another_cut_is_a_sentence(other):
    cut = Crossing((4, 4), 2, 3)
    messages, _ = send(cut, torch.randn(1, *cut.joined), codec("float16"))
    with pytest.raises(SeesawError, match="does not fit a cut"):
        receive(other, [messages[0].frames], codec("float16"))


INPUTS = [
    (Crossing((3, 8, 6), 0, 4), Image8(), torch.uint8, 256, 3 * 8 * 6),
    (Crossing((5,), 0, 4), Ids(vocabulary=300), torch.int64, 300, 2 * 5),
    (Crossing((5,), 0, 4), Ids(vocabulary=70_000), torch.int32, 70_000, 4 * 5),
]


@pytest.mark.parametrize(("cut", "codec", "dtype", "limit", "size"), INPUTS)
def test_inputs_are_sent_and_received_before_they_are_scaled(cut, codec, dtype, limit, size):
    x = torch.randint(1, limit, (4, *cut.shape), dtype=dtype)
    messages, arrived = send(cut, x, codec)
    assert torch.equal(arrived, x)
    assert [one.payload for one in messages] == [size] * 4
    assert [len(one.frames) for one in messages] == [size + 12 + 4 * len(cut.shape)] * 4


def test_a_feature_is_no_input_and_the_other_way_round():
    cut = Crossing((3, 8, 8), 0, 4)
    feature, _ = send(cut, torch.randn(1, *cut.shape), codec("int8"))
    image, _ = send(cut, torch.zeros(1, *cut.shape, dtype=torch.uint8), Image8())
    with pytest.raises(SeesawError, match="does not fit a cut of input"):
        receive(cut, [feature[0].frames], Image8())
    with pytest.raises(SeesawError, match="does not fit a cut of feature"):
        receive(cut, [image[0].frames], codec("int8"))


def test_no_message_is_a_sentence():
    with pytest.raises(SeesawError, match="No message"):
        receive(Crossing((3,), 0, 4), [], codec("float32"))


CODECS = [
    *(
        "float32",
        "float16",
        "bfloat16",
        "int8",
        "uint[bits=3]",
        "uint[bits=4,per=channel,through=zstd]",
        "uint[through=lz4]",
    ),
    *(
        "bitmap",
        "bitmap[values=uint8]",
        "bitmap[values=float16,through=zstd]",
        "float32[through=lz4]",
        "jpeg",
        "webp",
    ),
]


@pytest.mark.parametrize("one", [*CODECS, Image8(), Jpeg(), Ids(vocabulary=9)], ids=str)
@settings(deadline=None)  # the first one imports what a codec needs
@given(payload=st.binary(max_size=60), shape=st.lists(st.integers(0, 4), max_size=4).map(tuple))
@example(payload=b"", shape=(2, 3))
@example(payload=b"x" * 25, shape=(2, 3))
@example(payload=Jpeg().encode(torch.zeros(1, 8, 8, dtype=torch.uint8)), shape=(3, 8, 8))
@example(payload=Jpeg().encode(torch.zeros(3, 8, 8, dtype=torch.uint8))[:-40], shape=(3, 8, 8))
def test_any_payload_gives_a_tensor_of_the_cut_or_a_sentence(one, payload, shape):
    one = codec(one) if isinstance(one, str) else one
    message = write_frame(payload, shape, one.content)
    with suppress(SeesawError):
        assert receive(Crossing(shape, 0, 4), [message], one).shape == (1, *shape)


@pytest.mark.parametrize("one", CODECS)
@given(data=st.data())
@settings(max_examples=20)
def test_a_payload_that_is_cut_short_or_turned_over_gives_a_tensor_or_a_sentence(one, data):
    """Behind the frame, whose checksum would see it: a codec may be used without."""
    one, shape = codec(one), (3, 4, 5)
    payload = bytearray(
        one.encode(torch.relu(torch.randn(shape, generator=torch.Generator().manual_seed(0))))
    )
    at = data.draw(st.integers(0, len(payload) - 1))
    payload[at] ^= data.draw(st.integers(0, 255))
    payload = bytes(payload[: data.draw(st.integers(0, len(payload)))])
    with suppress(SeesawError):
        assert receive(Crossing(shape, 0, 4), [write_frame(payload, shape)], one).shape == (1, *shape)


@pytest.mark.parametrize("one", ["float32", "float16", "int8"])
def test_a_short_payload_in_a_sound_frame_is_a_sentence(one):
    message = write_frame(codec(one).encode(torch.zeros(5)), (6,))
    with pytest.raises(SeesawError, match="Use the same codec"):
        receive(Crossing((6,), 0, 4), [message], codec(one))


def test_a_codec_that_gives_another_shape_is_a_sentence():
    class Flat(Image8):
        def decode(self, payload, shape):
            return super().decode(payload, shape).flatten()

    with pytest.raises(SeesawError, match=r"a tensor of shape \(6,\)"):
        send(Crossing((2, 3), 0, 4), torch.zeros(1, 2, 3, dtype=torch.uint8), Flat())


@given(payload=st.binary(max_size=40).filter(lambda payload: len(payload) != 24))
def test_logits_of_another_length_are_a_sentence(payload):
    message = write_frame(b"1234", (1,)) + write_frame(payload, (2, 3), "logits")
    with pytest.raises(SeesawError, match="are no logits of shape"):
        receive(Crossing((1,), 2, 3), [message], codec("float32"))
