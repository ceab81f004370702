"""The bytes and the errors of codecs without training, by hand.

Covers: baselines/codecs/bfloat16.py, baselines/codecs/bitmap.py, baselines/codecs/float16.py,
    baselines/codecs/float32.py, baselines/codecs/int8.py, baselines/codecs/jpeg.py, baselines/codecs/tiles.py,
    baselines/codecs/uint.py, baselines/codecs/webp.py
"""

import io
import math
import struct

import numpy as np
import pytest
import torch
from PIL import Image

from baselines.codecs.bfloat16 import Bfloat16
from baselines.codecs.bitmap import Bitmap
from baselines.codecs.float16 import Float16
from baselines.codecs.float32 import Float32
from baselines.codecs.int8 import Int8
from baselines.codecs.jpeg import Jpeg
from baselines.codecs.tiles import grid
from baselines.codecs.uint import Uint
from baselines.codecs.webp import Webp
from bench.testing import check_codec

MAPS = torch.nn.functional.interpolate(
    torch.randn(1, 5, 4, 4, generator=torch.Generator().manual_seed(0)), size=(20, 16), mode="bilinear"
)[0]
"""Smooth maps, as features of images are."""


def round_trip(codec, x):
    payload = codec.encode(x)
    return payload, codec.decode(payload, tuple(x.shape))


def test_float32_is_the_numbers_themselves():
    x = torch.tensor([[1.5, -0.0, math.inf], [1e-40, math.pi, -3e38]])
    payload, back = round_trip(Float32(), x)
    assert payload == struct.pack("<6f", *x.flatten().tolist())
    assert torch.equal(back, x)


def test_float32_joins_payloads_of_the_right_length_alone():
    xs = torch.randn(3, 2, 5)
    payloads = [Float32().encode(x) for x in xs]
    assert torch.equal(Float32().decode_all([memoryview(one) for one in payloads], (2, 5)), xs)
    with pytest.raises(ValueError, match="36 bytes for 10 values"):
        Float32().decode_all([payloads[0][:36], payloads[1] + bytes(4)], (2, 5))


def test_float16_rounds_and_keeps_what_is_too_large_finite():
    x = torch.tensor([0.1, 2049.0, 1e6, -1e6])
    payload, back = round_trip(Float16(), x)
    assert payload == struct.pack("<4e", 0.1, 2049.0, 65504.0, -65504.0)
    assert back.tolist() == list(struct.unpack("<4e", payload))


@pytest.mark.parametrize("shape", [(7,), (3, 4, 5)])
def test_int8_is_off_by_half_a_step_at_most_and_exact_at_both_ends(shape):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 3 + 1
    payload, back = round_trip(Int8(), x)
    step = float(x.max() - x.min()) / 255
    assert len(payload) == 8 + x.numel()
    assert struct.unpack_from("<2f", payload) == pytest.approx((float(x.min()), step))
    assert float((back - x).abs().max()) <= step / 2 * (1 + 1e-4)
    assert float(back.min()) == float(x.min())
    assert float(back.max()) == pytest.approx(float(x.max()), rel=1e-6)


def test_int8_of_equal_numbers_is_exact():
    assert torch.equal(round_trip(Int8(), torch.full((2, 3), -2.5))[1], torch.full((2, 3), -2.5))


@pytest.mark.parametrize("codec", [Float32, Float16, Bfloat16, Uint, Bitmap])
@pytest.mark.parametrize("through", ["zstd", "lz4"])
def test_a_compressor_behind_a_codec_changes_no_number_and_takes_fewer_bytes(codec, through):
    x = torch.relu(MAPS)
    plain, back = round_trip(codec(), x)
    fewer, same = round_trip(codec(through=through), x)
    assert torch.equal(back, same)
    assert len(fewer) < len(plain)


def test_bfloat16_rounds_as_pytorch_does_and_keeps_infinities():
    x = torch.tensor([1.0, 1.00390625, 3.3e38, -math.inf, 1e-40, -0.0])
    payload, back = round_trip(Bfloat16(), x)
    assert payload[:4] == b"\x80\x3f\x80\x3f"  # the half lies between two: ties go to the even one
    assert torch.equal(back, x.to(torch.bfloat16).float())


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize(("per", "groups"), [("tensor", 1), ("channel", 5)])
def test_uint_takes_its_bits_and_a_range_for_each_group(bits, per, groups):
    codec = Uint(bits=bits, per=per)
    payload, back = round_trip(codec, MAPS)
    assert (
        len(payload) == codec.fixed_bytes(tuple(MAPS.shape)) == 8 * groups + math.ceil(5 * 20 * 16 * bits / 8)
    )
    rows = MAPS.reshape(groups, -1)
    steps = (rows.max(1).values - rows.min(1).values) / (2**bits - 1)
    assert ((back - MAPS).reshape(groups, -1).abs() <= 0.5001 * steps[:, None]).all()


def test_uint_of_eight_bits_is_int8():
    assert round_trip(Uint(), MAPS)[0] == round_trip(Int8(), MAPS)[0]


def test_uint_of_a_row_has_one_range():
    assert len(Uint(per="channel").encode(torch.randn(9))) == 8 + 9


def test_bitmap_sends_what_is_not_zero():
    x = torch.tensor([[0.0, 1.5], [-0.0, 0.0], [-2.0, 0.0]])
    payload, back = round_trip(Bitmap(), x)
    assert payload == bytes([0b01101000]) + struct.pack("<3f", 1.5, -0.0, -2.0)
    assert torch.equal(back, x)
    assert math.copysign(1, back[1, 0]) == -1
    assert len(Bitmap(values="float16").encode(x)) == 1 + 6
    assert len(Bitmap(values="uint8").encode(x)) == 1 + 8 + 3
    assert len(Bitmap(values="uint8").encode(torch.zeros(12))) == 2


def test_a_bitmap_with_another_number_of_values_is_refused():
    payload = Bitmap().encode(torch.tensor([0.0, 1.0, 2.0]))
    with pytest.raises(ValueError, match="1 values for 2 bits"):
        Bitmap().decode(payload[:-4], (3,))
    with pytest.raises(ValueError, match="bytes for the bits of 100 values"):
        Bitmap().decode(payload, (100,))


@pytest.mark.parametrize("codec", [Jpeg(quality=95), Webp(quality=95)])
def test_maps_stand_in_one_picture_and_come_back_near(codec):
    payload, back = round_trip(codec, MAPS)
    with Image.open(io.BytesIO(payload[8:])) as picture:
        assert (picture.format, picture.size) == (codec.format, (3 * 16, 2 * 20))
    assert float((back - MAPS).abs().mean()) < 0.03 * float(MAPS.max() - MAPS.min())


@pytest.mark.parametrize("shape", [(7,), (12,), (3, 5), (2, 3, 4, 5), (1, 1, 1)])
@pytest.mark.parametrize("codec", [Jpeg(), Webp()])
def test_features_of_any_shape_become_a_picture(codec, shape):
    assert round_trip(codec, torch.randn(shape))[1].shape == shape


@pytest.mark.parametrize("codec", [Jpeg(), Webp()])
def test_a_picture_of_another_size_is_refused_before_its_pixels_are_decoded(codec):
    stream = io.BytesIO()
    Image.new("L", (2000, 2000)).save(stream, codec.format)
    with pytest.raises(ValueError, match="a picture of"):
        codec.decode(bytes(8) + stream.getvalue(), (3, 8, 8))


def test_a_lower_quality_takes_fewer_bytes():
    sizes = [len(Jpeg(quality=quality).encode(MAPS)) for quality in (5, 50, 100)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]


@pytest.mark.parametrize(
    ("tiles", "size"), [(1, (1, 1)), (2, (1, 2)), (5, (2, 3)), (9, (3, 3)), (64, (8, 8))]
)
def test_a_grid_is_about_square(tiles, size):
    assert grid(tiles) == size


@pytest.mark.parametrize("codec", [
    Uint(bits=1), Uint(bits=3, per="channel"), Uint(bits=4, through="zstd"), Uint(through="lz4"), Float32(through="zstd"),
    Float16(through="lz4"), Bfloat16(through="zstd"), Bitmap(values="uint8"), Bitmap(values="float16", through="zstd"),
    Jpeg(quality=1), Webp(quality=100),
], ids=str)  # fmt: skip
def test_settings_conform_too(codec):
    assert check_codec(codec)


def test_features_that_are_broken_cross_without_a_word():
    x = torch.tensor([1.0, math.nan, math.inf])
    with np.errstate(all="raise"):
        for codec in (Uint(), Uint(bits=2), Bitmap(values="uint8"), Bfloat16()):
            assert not torch.isfinite(round_trip(codec, x)[1]).all()
