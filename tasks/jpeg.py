"""Plain JPEGs decoded by simplejpeg where it is installed: the same pixels as Pillow's in 0.6 of the time.

Both call libjpeg-turbo; Pillow does so in pieces of 64 kB, and keeps four bytes a pixel. What is not plain, and what simplejpeg
finds any fault with, is Pillow's: it reads some files that end too early, and its errors are those that people know.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache

import numpy as np
from PIL import Image, ImageFile

log = logging.getLogger("seesaw")

Decode = Callable[..., np.ndarray]
"""From a file's bytes to its pixels, uint8 (height, width, 3), at `min_factor` times smaller sides."""
TIMES = (8, 4, 2, 1)
"""A JPEG may be decoded so many times smaller."""
Part = tuple[float, float, float, float]
"""Top, left, bottom and right of a part of a picture, as shares of its height and width."""
WHOLE: Part = (0.0, 0.0, 1.0, 1.0)


def decoded(
    picture: ImageFile.ImageFile, times: int = 1, part: Part | None = None
) -> Image.Image | np.ndarray:
    """A picture, or a part of it, with its pixels read: a plain JPEG's by simplejpeg, any other's by Pillow.

    Plain is one of three channels. Of it the pixels alone are given, uint8 (height, width, 3).

    Args:
        picture: as `Image.open` gives it, not read yet.
        times: a JPEG is decoded 2, 4 or 8 times smaller where this is as much; sides are rounded up.
        part: cut out, rounded to pixels, one at least; None for all.

    Raises:
        OSError, SyntaxError: no whole picture.
    """
    jpeg = picture.format == "JPEG"
    smaller = next((one for one in TIMES if times >= one), 1)
    if jpeg and picture.mode == "RGB" and (pixels := _pixels(picture, smaller)) is not None:
        rows, columns = _pixels_of(part or WHOLE, pixels.shape[1], pixels.shape[0])
        return pixels[rows, columns]
    if jpeg and smaller > 1:
        picture.draft(None, (picture.width // smaller, picture.height // smaller))
    picture.load()
    if part is None:
        return picture
    rows, columns = _pixels_of(part, *picture.size)
    return picture.crop((columns.start, rows.start, columns.stop, rows.stop))


def _pixels_of(part: Part, width: int, height: int) -> tuple[slice, slice]:
    """Rows and columns of a part."""
    top, left, bottom, right = (
        round(share * side) for share, side in zip(part, (height, width) * 2, strict=True)
    )
    top, left = min(top, height - 1), min(left, width - 1)
    return slice(top, max(bottom, top + 1)), slice(left, max(right, left + 1))


def _pixels(picture: ImageFile.ImageFile, times: int) -> np.ndarray | None:
    """Pixels, so many times fewer a side, uint8 (height, width, 3); None where simplejpeg is absent, or finds a fault."""
    if (decode := simplejpegs()) is None or picture.fp is None:
        return None
    place = picture.fp.tell()
    picture.fp.seek(0)
    data = picture.fp.read()
    picture.fp.seek(place)
    height, width = (-(-side // times) for side in (picture.height, picture.width))
    try:
        pixels = decode(data, min_height=height, min_width=width, min_factor=times)
    except ValueError:
        return None
    return pixels if pixels.shape[:2] == (height, width) else None


@cache
def simplejpegs() -> Decode | None:
    """The decoder of simplejpeg; None where it is not installed."""
    try:
        from simplejpeg import decode_jpeg
    except ImportError:
        return None
    return decode_jpeg


@cache
def tell_of_decoder() -> None:
    """Say once that many pictures are decoded by Pillow, where they are."""
    if simplejpegs() is None:
        log.warning(
            "Pillow decodes the JPEGs among them. The package simplejpeg gives the same pixels in 0.6 of the time: "
            "pip install 'seesaw-bench[jpeg]'."
        )
