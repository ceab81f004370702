"""Plain JPEGs by simplejpeg, held against Pillow's; everything else by Pillow's."""

import io
import logging
import sys

import numpy as np
import pytest
from PIL import Image, ImageOps

from bench import SeesawError
from tasks.fit import Fit
from tasks.jpeg import decoded, simplejpegs, tell_of_decoder


def photograph(width=75, height=50, mode="RGB"):
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (height // 5, width // 5, 3), dtype=np.uint8))
    return coarse.resize((width, height), Image.Resampling.BICUBIC).convert(mode)


def saved(picture, kind="JPEG", **more):
    stream = io.BytesIO()
    picture.save(stream, kind, **more)
    return stream


def pillows(stream):
    with Image.open(stream) as picture:
        picture.load()
        return np.asarray(picture)


@pytest.mark.parametrize("size", [(75, 50), (17, 33), (10, 7)])
@pytest.mark.parametrize(
    "more",
    [
        {"subsampling": "4:4:4"}, {"subsampling": "4:2:2"}, {"subsampling": "4:2:0"}, {"progressive": True},
        {"restart_marker_rows": 1}, {"keep_rgb": True},
    ],
)  # fmt: skip
def test_a_plain_jpeg_has_the_pixels_that_pillow_gives(size, more):
    for quality in (10, 75, 95):
        stream = saved(photograph(*size), quality=quality, **more)
        with Image.open(stream) as picture:
            pixels = decoded(picture)
        assert isinstance(pixels, np.ndarray)
        assert np.array_equal(pixels, pillows(stream))


@pytest.mark.parametrize("times", [2, 4, 8])
@pytest.mark.parametrize("more", [{"subsampling": "4:4:4"}, {"subsampling": "4:2:0"}, {"progressive": True}])
def test_a_jpeg_decoded_smaller_has_the_pixels_that_pillow_gives(times, more):
    for width, height in ((160, 96), (161, 99), (167, 103)):
        stream = saved(photograph(width, height), **more)
        with Image.open(stream) as picture:
            pixels = decoded(picture, times)
        with Image.open(stream) as picture:
            picture.draft(None, (width // times, height // times))
            picture.load()
            expected = np.asarray(picture)
        assert isinstance(pixels, np.ndarray)
        assert np.array_equal(pixels, expected)


@pytest.mark.parametrize(("mode", "kind"), [("L", "JPEG"), ("CMYK", "JPEG"), ("RGB", "PNG"), ("P", "GIF")])
def test_what_is_not_plain_is_decoded_by_pillow(mode, kind):
    stream = saved(photograph(mode=mode), kind)
    with Image.open(stream) as picture:
        pixels = decoded(picture)
        assert isinstance(pixels, Image.Image)
        assert np.array_equal(np.asarray(pixels), pillows(stream))


def test_a_part_is_cut_from_both_alike():
    for kind in ("JPEG", "PNG"):
        stream = saved(photograph(), kind)
        with Image.open(stream) as picture:
            part = np.asarray(decoded(picture, part=(0.1, 0.2, 0.5, 0.6)))
        assert np.array_equal(part, pillows(stream)[5:25, 15:45])
        with Image.open(stream) as picture:
            assert np.asarray(decoded(picture, part=(1.0, 1.0, 1.0, 1.0))).shape == (1, 1, 3)


@pytest.mark.parametrize(("times", "size"), [(1, (75, 50)), (2, (38, 25)), (3, (38, 25)), (9, (10, 7))])
def test_a_jpeg_is_decoded_smaller_where_that_is_asked_for(times, size):
    with Image.open(saved(photograph())) as picture:
        pixels = np.asarray(decoded(picture, times))
    assert pixels.shape == (size[1], size[0], 3)
    with Image.open(saved(photograph(), "PNG")) as picture:
        assert decoded(picture, times).size == (75, 50)


def test_a_jpeg_that_ends_too_early_is_named(tmp_path):
    (tmp_path / "cut.jpg").write_bytes(saved(photograph()).getvalue()[:-200])
    with pytest.raises(SeesawError, match=r"cut.jpg is no whole image \(.*truncated"):
        Fit(8)(tmp_path / "cut.jpg", tmp_path / "cut.jpg")


def test_a_jpeg_stands_as_its_camera_was_held():
    exif = Image.Exif()
    exif[0x0112] = 6
    stream = saved(photograph(), exif=exif)
    with Image.open(stream) as picture:
        turned = ImageOps.exif_transpose(picture)
    assert turned.size == (50, 75)
    left = np.asarray(turned.crop((0, 12, 50, 62)).resize((16, 16), Image.Resampling.BILINEAR))
    assert np.array_equal(Fit(16)(stream, "turned"), left)


@pytest.mark.parametrize("installed", [True, False])
def test_without_simplejpeg_pillow_gives_the_same_and_a_line_says_so_once(installed, monkeypatch, caplog):
    if not installed:
        monkeypatch.setitem(sys.modules, "simplejpeg", None)
    for known in (simplejpegs, tell_of_decoder):
        known.cache_clear()
    stream = saved(photograph())
    with Image.open(stream) as picture, caplog.at_level(logging.INFO, "seesaw"):
        assert np.array_equal(np.asarray(decoded(picture)), pillows(stream))
        for _ in range(2):
            tell_of_decoder()
    for known in (simplejpegs, tell_of_decoder):
        known.cache_clear()
    assert caplog.text.count("Pillow decodes the JPEGs") == (not installed)
