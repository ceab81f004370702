"""Feature maps as one grey picture, tiled, for codecs of pictures (Choi and Bajic, ICIP 2018)."""

import io
import math
from typing import Annotated, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from bench import Codec, from_levels, needing, to_levels

RANGE = 8


class Tiles(Codec):
    """The channels of a feature side by side in a grey picture of 8 bits, between the feature's minimum and maximum."""

    format: ClassVar[str]
    """of the picture, as Pillow calls it"""

    quality: Annotated[int, Field(ge=1, le=100)] = 75
    """of the picture, up to 100"""

    @property
    def tolerance(self) -> float:
        return 1.0  # a codec of pictures may smooth a single number away

    def encode(self, feature: Tensor) -> bytes:
        tiles, height, width = _maps(tuple(feature.shape))
        rows, columns = grid(tiles)
        levels, ranges = to_levels(feature.numpy().reshape(1, -1), 8)
        spread = np.zeros((rows * columns, height, width), np.uint8)
        spread[:tiles] = levels.reshape(tiles, height, width)
        spread[tiles:] = spread[tiles - 1]  # a sharp edge would cost bytes
        picture = spread.reshape(rows, columns, height, width).swapaxes(1, 2)
        stream = io.BytesIO()
        with needing("codecs", f"{self.format} needs"):
            from PIL import Image
        Image.fromarray(np.ascontiguousarray(picture.reshape(rows * height, columns * width))).save(
            stream, self.format, quality=self.quality
        )
        return ranges + stream.getvalue()

    def decode(self, payload: bytes, shape: tuple[int, ...]) -> Tensor:
        tiles, height, width = _maps(shape)
        rows, columns = grid(tiles)
        with needing("codecs", f"{self.format} needs"):
            from PIL import Image
        with Image.open(io.BytesIO(payload[RANGE:]), formats=[self.format]) as picture:
            if picture.size != (
                columns * width,
                rows * height,
            ):  # before its pixels are decoded, which may be many
                raise ValueError(f"a picture of {picture.size} for {(columns * width, rows * height)}")
            pixels = np.array(picture.convert("L"))
        maps = pixels.reshape(rows, height, columns, width).swapaxes(1, 2).reshape(-1, height, width)[:tiles]
        return torch.from_numpy(from_levels(maps.reshape(1, -1), payload[:RANGE])).reshape(shape)


def _maps(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """A feature as (maps, height, width): of one or two sizes it is a single map, of more the last two are a map's."""
    if len(shape) > 2:
        return math.prod(shape[:-2]), shape[-2], shape[-1]
    if len(shape) == 2:
        return 1, shape[0], shape[1]
    count = math.prod(shape)
    height = max((size for size in range(1, math.isqrt(count) + 1) if count % size == 0), default=1)
    return 1, height, count // height


def grid(tiles: int) -> tuple[int, int]:
    """Rows and columns of a picture of so many tiles, about as many of either."""
    columns = math.isqrt(max(tiles - 1, 0)) + 1
    return -(-tiles // columns), columns
