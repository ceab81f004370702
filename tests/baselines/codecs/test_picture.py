"""The image itself as a picture, against Pillow's own files."""

import io
from contextlib import suppress

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from baselines.codecs.picture import Picture
from bench import SeesawError, write_frame
from bench.kinds.sending import receive
from bench.network.crossing import Crossing
from bench.testing import check_codec

FORMATS = ["values", "png", "jpeg", "webp"]


def photograph(channels=3):
    """A smooth image with some noise, uint8 (channels, 32, 24)."""
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 200, 24)[None, None] + np.linspace(0, 40, 32)[None, :, None]
    return torch.from_numpy((ramp + rng.uniform(0, 15, (channels, 32, 24))).astype(np.uint8))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("scale", [1, 0.5])
def test_every_format_conforms(name, scale):
    assert check_codec(Picture(format=name, scale=scale))


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("name", ["values", "png"])
def test_values_and_png_lose_nothing(name, channels):
    codec, image = Picture(format=name), photograph(channels)
    assert codec.is_lossless
    assert torch.equal(codec.decode(codec.encode(image), tuple(image.shape)), image)


@pytest.mark.parametrize("name", ["jpeg", "webp"])
def test_the_server_sees_what_anyone_sees_who_opens_the_picture(name):
    codec, image = Picture(format=name, quality=40), photograph()
    payload = codec.encode(image)
    seen = np.asarray(Image.open(io.BytesIO(payload)).convert("RGB"))
    assert np.array_equal(codec.decode(payload, tuple(image.shape)).permute(1, 2, 0).numpy(), seen)


@pytest.mark.parametrize("name", ["jpeg", "webp"])
def test_a_lower_quality_and_a_smaller_picture_take_fewer_bytes(name):
    image = photograph()
    best, worse = (len(Picture(format=name, quality=q).encode(image)) for q in (90, 20))
    assert len(Picture(format=name, quality=90, scale=0.5).encode(image)) < best
    assert worse < best


def test_a_smaller_picture_comes_back_in_its_size_and_near():
    codec, image = Picture(format="values", scale=0.5), photograph()
    payload = codec.encode(image)
    assert len(payload) == codec.fixed_bytes(tuple(image.shape)) == 3 * 16 * 12
    assert (codec.decode(payload, tuple(image.shape)).int() - image.int()).abs().float().mean() < 6


@pytest.mark.parametrize("name", ["png", "jpeg", "webp"])
def test_a_picture_of_another_size_or_format_is_refused_before_its_pixels_are_decoded(name):
    stream = io.BytesIO()
    Image.new("RGB", (3000, 3000)).save(stream, name.upper())
    with pytest.raises(ValueError, match="a picture of"):
        Picture(format=name).decode(stream.getvalue(), (3, 8, 8))
    other = Picture(format="webp" if name == "png" else "png")
    with pytest.raises(OSError, match="cannot identify"):
        other.decode(stream.getvalue(), (3, 8, 8))


@pytest.mark.parametrize("name", FORMATS)
@given(data=st.data())
@settings(max_examples=25)
def test_damaged_pictures_give_an_image_or_a_sentence(name, data):
    codec, image = Picture(format=name, scale=0.5), photograph()
    payload = bytearray(codec.encode(image))
    payload[data.draw(st.integers(0, len(payload) - 1))] ^= data.draw(st.integers(0, 255))
    payload = bytes(payload[: data.draw(st.integers(0, len(payload)))])
    shape = tuple(image.shape)
    with suppress(SeesawError):
        found = receive(Crossing(shape, 0, 4), [write_frame(payload, shape, "input")], codec)
        assert found.shape == (1, *shape)
