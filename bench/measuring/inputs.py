"""Codecs of inputs, which cut 0 sends before they are scaled: images as 8-bit values or as JPEG, texts as token ids."""

from __future__ import annotations

import io
import math

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from bench.errors import SeesawError
from bench.kinds.codec import Codec, InputCodec
from bench.kinds.task import Split
from bench.plugins.plugin import Choice

JPEG_QUALITY = 90


class Image8(InputCodec):
    """An image, uint8 (channels, height, width), as its values."""

    @property
    def is_lossless(self) -> bool:
        return True

    def fixed_bytes(self, shape: tuple[int, ...]) -> int | None:
        return math.prod(shape)

    def encode(self, feature: Tensor) -> bytes:
        return feature.numpy().tobytes()

    def decode(self, payload: bytes, shape: tuple[int, ...]) -> Tensor:
        return torch.from_numpy(np.frombuffer(payload, np.uint8).reshape(shape).copy())


class Jpeg(InputCodec):
    """An image, uint8 (channels, height, width), as JPEG (quality 90, 4:2:0); other than 3 channels as a grey one."""

    def encode(self, feature: Tensor) -> bytes:
        channels, height, width = feature.shape
        rows = feature.permute(1, 2, 0) if channels == 3 else feature.reshape(channels * height, width)
        stream = io.BytesIO()
        Image.fromarray(rows.contiguous().numpy()).save(stream, "JPEG", quality=JPEG_QUALITY)
        return stream.getvalue()

    def decode(self, payload: bytes, shape: tuple[int, ...]) -> Tensor:
        channels, height, width = shape
        size = (width, height) if channels == 3 else (width, channels * height)
        with Image.open(io.BytesIO(payload), formats=["JPEG"]) as picture:
            if picture.size != size:  # before its pixels are decoded, of which there may be very many
                raise ValueError(f"a picture of {picture.size} for {size}")
            pixels = torch.from_numpy(np.array(picture))
        return pixels.permute(2, 0, 1) if channels == 3 else pixels.reshape(shape)


class Ids(InputCodec):
    """A text, whole numbers (places,), as its token ids without padding: two bytes an id, or four where needed."""

    vocabulary: int
    """number of different token ids"""

    @property
    def is_lossless(self) -> bool:
        return True

    @property
    def _kind(self) -> str:
        return "<u2" if self.vocabulary <= 1 << 16 else "<u4"

    def encode(self, feature: Tensor) -> bytes:
        return np.trim_zeros(feature.numpy(), "b").astype(self._kind).tobytes()

    def decode(self, payload: bytes, shape: tuple[int, ...]) -> Tensor:
        ids = np.frombuffer(payload, self._kind).astype(np.int64)
        if ids.max(initial=0) >= self.vocabulary:
            raise ValueError(f"token id {ids.max()} of {self.vocabulary}")
        return torch.from_numpy(np.pad(ids, (0, shape[0] - len(ids))))


def input_codecs(inputs: Tensor, vocabulary: int) -> dict[str, Codec]:
    """By name, the codecs for inputs of a split; none for other inputs than texts, and images of 8 bits.

    Args:
        inputs: before they are scaled, (N, ...).
        vocabulary: number of different token ids of texts; 0 for other inputs.
    """
    if vocabulary:
        return {"ids": Ids(vocabulary=vocabulary)}
    images = inputs.dtype == torch.uint8 and inputs.dim() == 4
    return {"image8": Image8(), "jpeg": Jpeg()} if images else {}


def image_codecs(split: Split, codecs: list[Choice[Codec]]) -> dict[str, Codec]:
    """By spec, the codecs of inputs that a run names, for cut 0.

    Args:
        split: the samples, images of 8 bits.
        codecs: of inputs.

    Raises:
        SeesawError: there are codecs, and the samples are no images of 8 bits.
    """
    if codecs and (split.inputs.dtype != torch.uint8 or split.inputs.dim() != 4):
        raise SeesawError(
            f"{codecs[0].spec} sends images of 8 bits, and this task has other samples. Leave it out of --codecs."
        )
    return {codec.spec: codec.plugin for codec in codecs}
