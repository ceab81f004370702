"""A picture as an array: turned, opaque, of 8 bits, and of one size."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from bench import SeesawError
from tasks.fit import Fit, fitted


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
