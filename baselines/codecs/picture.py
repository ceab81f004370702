"""The image itself, as one would send it today: its values, PNG, JPEG or WebP, in full or smaller.

What a cut must be held against: the same network behind the picture that arrived, with its bytes. A smaller picture is
made with an antialiasing filter (Lanczos), and enlarged by the server (bicubic).
"""

import io
import math
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from bench import InputCodec, needing


class Picture(InputCodec):
    """An image of 8 bits as a picture; one of other than 3 channels as a grey one, its channels one below the other."""

    format: Literal["values", "png", "jpeg", "webp"] = "jpeg"
    """values are sent as they are; png loses nothing either"""
    quality: Annotated[int, Field(ge=1, le=100)] = 75
    """of jpeg and webp, up to 100"""
    scale: Annotated[float, Field(gt=0, le=1)] = 1.0
    """of its sides; a smaller picture is enlarged again where it arrives"""

    @property
    def is_lossless(self) -> bool:
        return self.format in ("values", "png") and self.scale == 1

    @property
    def tolerance(self) -> float:
        return 0.0 if self.is_lossless else 1.0

    def fixed_bytes(self, shape: tuple[int, ...]) -> int | None:
        return math.prod(self._sent(shape)) if self.format == "values" else None

    def _sent(self, shape: tuple[int, ...]) -> tuple[int, int, int]:
        """Channels, height and width of what is sent of an image."""
        channels, *sides = shape
        height, width = (max(1, round(self.scale * side)) for side in sides)
        return channels, height, width

    def encode(self, feature: Tensor) -> bytes:
        pixels = feature.numpy()
        sent = self._sent(pixels.shape)
        if sent != pixels.shape:
            pixels = _resized(pixels, sent, "LANCZOS")
        if self.format == "values":
            return pixels.tobytes()
        with needing("codecs", "Pictures need"):
            from PIL import Image
        rows = pixels.transpose(1, 2, 0) if sent[0] == 3 else pixels.reshape(-1, sent[2])
        stream = io.BytesIO()
        quality = {} if self.format == "png" else {"quality": self.quality}
        Image.fromarray(np.ascontiguousarray(rows)).save(stream, self.format.upper(), **quality)
        return stream.getvalue()

    def decode(self, payload: bytes, shape: tuple[int, ...]) -> Tensor:
        sent = self._sent(shape)
        if self.format == "values":
            pixels = np.frombuffer(payload, np.uint8).reshape(sent)
        else:
            pixels = self._opened(payload, sent)
        return torch.from_numpy(_resized(pixels, shape, "BICUBIC") if sent != shape else pixels.copy())

    def _opened(self, payload: bytes, sent: tuple[int, int, int]) -> np.ndarray:
        """The pixels of a picture, uint8 of this shape; one of another size is refused before they are decoded."""
        with needing("codecs", "Pictures need"):
            from PIL import Image
        channels, height, width = sent
        size = (width, height) if channels == 3 else (width, channels * height)
        with Image.open(io.BytesIO(payload), formats=[self.format.upper()]) as picture:
            if picture.size != size:
                raise ValueError(f"a picture of {picture.size} for {size}")
            pixels = np.array(picture.convert("RGB" if channels == 3 else "L"))
        return pixels.transpose(2, 0, 1) if channels == 3 else pixels.reshape(sent)


def _resized(pixels: np.ndarray, shape: tuple[int, ...], how: str) -> np.ndarray:
    """An image, uint8 (channels, height, width), with other sides."""
    with needing("codecs", "Pictures need"):
        from PIL import Image
    kind, size = Image.Resampling[how], (shape[2], shape[1])
    return np.stack([np.array(Image.fromarray(channel).resize(size, kind)) for channel in pixels])
