"""How a picture becomes an array of one size: turned as its file says, opaque, in one colour mode, cropped and scaled."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError
from torch import Tensor

from bench import SeesawError
from tasks.jpeg import Part, decoded

SCALED = ("PNG", "PPM")
"""Formats whose integers Pillow may give in 32 bits, and that are of 16."""
UNSCALED = "of no known scale; save 8 or 16 bits a channel"

MOST_PIXELS = 1 << 26
"""A picture of more pixels is not decoded: a small file may announce any number of them."""
LARGE_PIXELS, LARGE = 1 << 23, threading.Lock()
"""Pictures of more pixels are decoded one at a time, however many threads there are."""
STRIP = 8
"""Of a picture that is longer than so many times its shorter side, the middle is taken before it is scaled."""
FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "nearest": Image.Resampling.NEAREST,
}


@dataclass(frozen=True)
class Fit:
    """How a picture becomes an array of one size.

    Attributes:
        size: height and width.
        colour: rgb or grey.
        crop: share of the shorter side that the square in the middle has; below 1 the picture is scaled whole and
            rounded first, as the libraries' transforms do.
        interpolation: of scaling.
        turned: whether to turn it as its file says.
        quick: whether a JPEG of twice the size or more is decoded at a half, a quarter or an eighth of it.
    """

    size: int
    colour: str = "rgb"
    crop: float = 1.0
    interpolation: str = "bilinear"
    turned: bool = True
    quick: bool = False

    def __call__(self, source: Path | IO[bytes], name: object) -> np.ndarray:
        """A file's picture, uint8 (size, size, 3) for rgb and (size, size) for grey.

        Raises:
            SeesawError: no whole image, or one of too many pixels; it names it.
        """

        def look(width: int, height: int) -> tuple[int, Part | None]:
            return min(width, height) // round(self.size / self.crop) if self.quick else 1, None

        with opened(source, name, look, self.turned) as picture:
            whole = Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture
            return fitted(whole, self.size, self.colour, self.crop, self.interpolation)

    def part(
        self, source: Path | IO[bytes], name: object, box: Sequence[float], size: tuple[int, int]
    ) -> Tensor:
        """A part of a file's whole picture, scaled bilinearly with all pixels counted: uint8 (C, *size).

        Args:
            source: the file.
            name: of the file, for errors.
            box: top, left, height and width of the part as shares, drawn for a square (`placed`).
            size: height and width to scale to; a JPEG of whose part each side is twice that or more is decoded smaller.

        Raises:
            SeesawError: as when it is called.
        """

        def look(width: int, height: int) -> tuple[int, Part | None]:
            top, left, bottom, right = placed(box, width, height)
            shorter = min((bottom - top) * height, (right - left) * width)
            return int(shorter) // max(size), (top, left, bottom, right)

        with opened(source, name, look, self.turned) as picture:
            pixels = self._coloured(picture)
        tensor = torch.from_numpy(pixels.reshape(*pixels.shape[:2], -1)).permute(2, 0, 1)
        return F.interpolate(tensor[None], size, mode="bilinear", antialias=True)[0]

    def _coloured(self, picture: Image.Image | np.ndarray) -> np.ndarray:
        """Pixels in the one colour mode, uint8 (height, width, 3) or (height, width)."""
        if isinstance(picture, np.ndarray):
            if self.colour == "rgb":
                return picture
            picture = Image.fromarray(picture)
        return np.array(_opaque(_eight_bits(picture), self.colour))


def placed(box: Sequence[float], width: int, height: int) -> Part:
    """A part drawn for a square, in a picture of any shape: of the same share of the area, and as much wider than high.

    A side that would be longer than the picture is as long. Where a part lies in the room that it has stays the same share.

    Args:
        box: top, left, height and width of the part as shares of the square's side.
        width: of the picture.
        height: of the picture.
    """
    square, corners = math.sqrt(width * height), []
    for start, share, side in zip(box[:2], box[2:], (height, width), strict=True):
        length = min(share * square / side, 1.0)
        first = (start / (1 - share) if share < 1 else 0.5) * (1 - length)
        corners.append((first, first + length))
    (top, bottom), (left, right) = corners
    return top, left, bottom, right


@contextmanager
def opened(
    source: Path | IO[bytes], name: object, look: Callable[[int, int], tuple[int, Part | None]], turned: bool
) -> Iterator[Image.Image | np.ndarray]:
    """A file's picture, or a part of it, with its pixels read: as an array where that is all of it (`decoded`).

    Args:
        source: the file.
        name: of the file, for errors.
        look: from width and height to how many times smaller a JPEG may be decoded, and to the part (None for all).
        turned: whether to turn it, once cut out, as its file says.

    Raises:
        SeesawError: no whole image, or one of too many pixels, or whose pixels cannot be used; it names it.
    """
    try:
        with Image.open(source) as picture:
            width, height = picture.size
            if width * height > MOST_PIXELS:
                raise ValueError(f"{width} x {height} pixels, and {MOST_PIXELS:,} are read at most")
            if picture.mode == "I" and picture.format not in SCALED:
                raise ValueError(f"pixels are integers of 32 bits and {UNSCALED}")
            _halve_transparent(picture)
            with LARGE if width * height > LARGE_PIXELS else nullcontext():
                pixels = decoded(picture, *look(width, height))
                yield _turned(pixels, picture.info) if turned else pixels
    except (
        OSError, UnidentifiedImageError, Image.DecompressionBombError, SyntaxError, ValueError, EOFError,
    ) as error:  # fmt: skip
        fault = "of no known format" if isinstance(error, UnidentifiedImageError) else error
        raise SeesawError(f"{name} is no whole image ({fault}). Replace or remove it.") from error


def _turned(pixels: Image.Image | np.ndarray, info: dict[Any, Any]) -> Image.Image | np.ndarray:
    """Turned as the picture's information says."""
    if isinstance(pixels, np.ndarray):
        if not {"exif", "xmp"} & info.keys():
            return pixels
        pixels = Image.fromarray(pixels)
        pixels.info = dict(info)
    ImageOps.exif_transpose(pixels, in_place=True)
    return pixels


def _halve_transparent(picture: Image.Image) -> None:
    """Give a PNG's transparent colour of 16 bits a channel the 8 bits in which Pillow reads the picture itself."""
    clear = picture.info.get("transparency")
    if (
        isinstance(picture, ImageFile.ImageFile)
        and picture.format == "PNG"
        and isinstance(clear, tuple)
        and any(one.args == "RGB;16B" for one in picture.tile)
    ):
        picture.info["transparency"] = tuple(value >> 8 for value in clear)


def fitted(
    picture: Image.Image, size: int, colour: str, crop: float = 1.0, interpolation: str = "bilinear"
) -> np.ndarray:
    """The square in the middle of a picture, scaled: uint8 (size, size, 3) for rgb, (size, size) for grey.

    What is transparent shows white. Pixels of 16 bits are scaled to 8.

    Args:
        picture: of any size and mode.
        size: of the square.
        colour: rgb or grey.
        crop: share of the shorter side that the square has (`Fit`).
        interpolation: bilinear, bicubic, lanczos or nearest.

    Raises:
        ValueError: pixels whose scale no file tells: floating-point numbers, or integers beyond 16 bits.
    """
    filter_ = FILTERS[interpolation]
    picture = _eight_bits(picture)
    if crop < 1:
        picture = _shrunk(picture, round(size / crop), size, colour, filter_)
    side = min(picture.size)
    left, top = ((length - side) // 2 for length in picture.size)
    picture = picture.crop(
        (left, top, left + side, top + side)
    )  # first: a long strip scaled would fill the memory
    picture = _opaque(picture, colour)
    if side != size:
        picture = picture.resize((size, size), filter_)
    return np.asarray(picture)


def _eight_bits(picture: Image.Image) -> Image.Image:
    """The same picture, pixels of 16 bits scaled to 8.

    Raises:
        ValueError: pixels whose scale no file tells.
    """
    if picture.mode.startswith("I"):  # Pillow would clip 16 bits a pixel to 255 instead of scaling them
        pixels = np.asarray(picture)
        if pixels.min() < 0 or pixels.max() > 65535:
            raise ValueError(f"pixels are integers from {pixels.min()} to {pixels.max()} {UNSCALED}")
        grey = (pixels // 257).astype(np.uint8)
        if (clear := picture.info.get("transparency")) is not None:
            grey[pixels == clear] = 255
        picture = Image.fromarray(grey)
    if picture.mode == "F":
        raise ValueError(f"pixels are floating-point numbers {UNSCALED}")
    return picture


def _opaque(picture: Image.Image, colour: str) -> Image.Image:
    """In one colour mode, on white where it is transparent."""
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    mode = "RGB" if colour == "rgb" else "L"
    return picture if picture.mode == mode else picture.convert(mode)


def _shrunk(
    picture: Image.Image, shorter: int, size: int, colour: str, filter_: Image.Resampling
) -> Image.Image:
    """A picture scaled to a shorter side, and the square in its middle, rounded as torchvision's transforms round."""
    width, height = picture.size
    least = min(width, height)
    longest = max(width, height)
    if longest > STRIP * least:  # a long strip scaled would fill the memory
        width, height = min(width, STRIP * least), min(height, STRIP * least)
        left, top = (picture.width - width) // 2, (picture.height - height) // 2
        picture = picture.crop((left, top, left + width, top + height))
    scaled = (
        (shorter, int(shorter * height / width))
        if width <= height
        else (int(shorter * width / height), shorter)
    )
    picture = _opaque(picture, colour)
    if picture.size != scaled:
        picture = picture.resize(scaled, filter_)
    left, top = round((picture.width - size) / 2.0), round((picture.height - size) / 2.0)
    return picture.crop((left, top, left + size, top + size))
