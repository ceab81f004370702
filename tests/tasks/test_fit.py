"""A picture as an array: turned, opaque, of 8 bits, and of one size."""

import io
import struct
import zlib

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from bench import SeesawError
from tasks import fit
from tasks.fit import Fit, fitted, placed


def opened(path):
    return Fit(8, "grey")(path, path)


@pytest.mark.parametrize("highest", [200, 1 << 20])
def test_pixels_of_32_bits_have_no_known_scale(tmp_path, highest):
    Image.fromarray(np.full((8, 8), highest, np.int32)).save(tmp_path / "deep.tif")
    with pytest.raises(
        SeesawError, match=r"deep.tif is no whole image \(pixels are integers of 32 bits and of no known"
    ):
        opened(tmp_path / "deep.tif")


@pytest.mark.parametrize("ending", ["png", "tif", "pgm"])
def test_pixels_of_16_bits_are_scaled_to_8(tmp_path, ending):
    deep = np.full((8, 8), 200 * 257, np.uint16)
    Image.fromarray(deep).save(tmp_path / f"deep.{ending}")
    assert opened(tmp_path / f"deep.{ending}").tolist() == [[200] * 8] * 8
    assert (
        fitted(Image.fromarray(deep.astype(np.int32)), 8, "grey")[0, 0] == 200
    )  # as some versions of Pillow give them


def test_what_is_transparent_shows_white_and_not_the_black_beneath(tmp_path):
    glyph = np.zeros((8, 8, 4), np.uint8)
    glyph[2:6, 2:6, 3] = 255  # black on nothing
    Image.fromarray(glyph).save(tmp_path / "glyph.png")
    grey = opened(tmp_path / "glyph.png")
    assert grey[0, 0] == 255
    assert grey[3, 3] == 0
    palette = Image.fromarray(glyph[..., 3]).convert("P")
    palette.save(tmp_path / "palette.gif", transparency=0)
    assert opened(tmp_path / "palette.gif")[0, 0] == 255


def test_a_photograph_stands_as_its_camera_was_held(tmp_path):
    pixels = np.zeros((8, 8), np.uint8)
    pixels[:4] = 255
    upside = Image.Exif()
    upside[0x0112] = 3
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=upside)
    assert opened(tmp_path / "turned.png")[0, 0] == 0


def test_of_a_long_strip_the_middle_is_taken_before_it_is_scaled():
    strip = Image.new("L", (60_000, 1))
    strip.putpixel((29_999, 0), 200)
    assert fitted(strip, 64, "grey").tolist() == [[200] * 64] * 64


def test_a_transparent_grey_of_16_bits_shows_white(tmp_path):
    pixels = np.full((8, 8), 20000, np.uint16)
    pixels[:4] = 0
    Image.fromarray(pixels).save(tmp_path / "glyph.png", transparency=0)
    shown = opened(tmp_path / "glyph.png")
    assert (shown[0, 0], shown[7, 7]) == (255, 20000 // 257)


@pytest.mark.parametrize(("clear", "shown"), [(40000, 255), (65535, 156)])
def test_a_transparent_colour_of_16_bits_shows_white(tmp_path, clear, shown):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + struct.pack(">24H", *[40000] * 24) for _ in range(8))
    parts = (
        chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0)),
        chunk(b"tRNS", struct.pack(">3H", *[clear] * 3)),
        chunk(b"IDAT", zlib.compress(rows)),
        chunk(b"IEND", b""),
    )
    (tmp_path / "deep.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    assert opened(tmp_path / "deep.png")[0, 0] == shown


def jpeg(width, height, **more):
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (height // 16, width // 16, 3), dtype=np.uint8))
    stream = io.BytesIO()
    coarse.resize((width, height), Image.Resampling.BICUBIC).save(stream, "JPEG", quality=95, **more)
    return stream


def test_a_part_drawn_for_a_square_has_its_area_and_shape_in_every_picture():
    for width, height in ((100, 100), (160, 90), (90, 160)):
        top, left, bottom, right = placed((0.1, 0.4, 0.5, 0.4), width, height)
        high, wide = (bottom - top) * height, (right - left) * width
        assert high * wide == pytest.approx(0.2 * width * height)
        assert high / wide == pytest.approx(0.5 / 0.4)
        assert top / (1 - (bottom - top)) == pytest.approx(0.1 / 0.5)  # where it lies in the room that it has
        assert left / (1 - (right - left)) == pytest.approx(0.4 / 0.6)
    assert placed((0.0, 0.0, 1.0, 1.0), 400, 100) == (
        0.0,
        0.25,
        1.0,
        0.75,
    )  # as much as there is, in the middle


def test_a_part_of_a_whole_picture_is_scaled_once():
    stream = jpeg(160, 96)
    part = Fit(8).part(stream, "x", (0.25, 0.5, 0.25, 0.25), (16, 16))
    top, left, bottom, right = placed((0.25, 0.5, 0.25, 0.25), 160, 96)
    with Image.open(stream) as picture:
        whole = torch.from_numpy(np.array(picture)).permute(2, 0, 1)
    cut = whole[:, round(top * 96) : round(bottom * 96), round(left * 160) : round(right * 160)]
    assert torch.equal(part, F.interpolate(cut[None], (16, 16), mode="bilinear", antialias=True)[0])
    assert Fit(8, "grey").part(stream, "x", (0.0, 0.0, 1.0, 1.0), (16, 12)).shape == (1, 16, 12)


def test_a_part_is_turned_as_the_whole_picture_would_be():
    exif = Image.Exif()
    exif[0x0112] = 3
    straight, upside = jpeg(96, 96), jpeg(96, 96, exif=exif)
    box = (0.5, 0.5, 0.25, 0.25)
    own = Fit(8).part(straight, "x", box, (24, 24))
    assert torch.equal(Fit(8).part(upside, "x", box, (24, 24)), own.flip(1, 2))
    assert torch.equal(Fit(8, turned=False).part(upside, "x", box, (24, 24)), own)


def test_a_part_of_twice_the_size_is_decoded_smaller_and_looks_the_same(monkeypatch):
    asked = []
    decode = fit.decoded

    def noting(picture, times, part):
        asked.append(times)
        return decode(picture, times, part)

    monkeypatch.setattr(fit, "decoded", noting)
    stream, box = jpeg(640, 640), (0.1, 0.2, 0.5, 0.5)
    smaller = fit.Fit(8).part(stream, "x", box, (100, 100))
    monkeypatch.setattr(fit, "decoded", lambda picture, times, part: decode(picture, 1, part))
    whole = fit.Fit(8).part(stream, "x", box, (100, 100))
    assert asked == [3]
    assert (smaller.float() - whole.float()).abs().mean() < 1
