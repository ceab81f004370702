"""Waists: an encoder that makes a feature narrow, and a decoder that widens it again, for features of any shape.

Maps are made smaller by a strided 3x3 convolution and larger by interpolation between two convolutions; texts alike along
their places; rows by linear layers. Training begins at the principal components of the features (`components.py`). Latents
that are sent as levels are numbers from 0 to 1, so that the levels need no range beside them.
"""

import math
from typing import Annotated, Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from baselines.codecs.components import Components, begin_at
from bench import Coder, LearnedCodec, compressed, decompressed, pack_bits, unpack_bits

Through = Literal["zstd", "lz4"] | None
STEEPEST = 3.4
"""Over the bits and one more: by what a component's deviation is multiplied before the sigmoid. Of one bit, it is 1.7, with which the
sigmoid is nearly the normal distribution's share below a number."""


class Enlarge(nn.Module):
    """Interpolates maps, or the places of a text, to a size."""

    def __init__(self, size: tuple[int, ...]) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, size=self.size, mode="nearest")


def waist(
    shape: tuple[int, ...], channels: int, stride: int
) -> tuple[nn.Sequential, nn.Sequential, tuple[int, ...]]:
    """Encoder and decoder without the step between them, and the latent's shape.

    Args:
        shape: of the features, without the batch.
        channels: of the latent.
        stride: by which maps become smaller.
    """
    if len(shape) not in (2, 3):
        numbers = math.prod(shape)
        hidden = max(2 * channels, min(numbers, 4 * channels))
        encoder = nn.Sequential(nn.Flatten(), nn.Linear(numbers, channels))
        widen = [nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, numbers), nn.Unflatten(1, shape)]
        return encoder, nn.Sequential(*widen), (channels,)
    convolution = nn.Conv2d if len(shape) == 3 else nn.Conv1d
    width, sides = shape[0], shape[1:]
    hidden = max(2 * channels, min(width, 64))
    encoder = nn.Sequential(convolution(width, channels, 3, stride, padding=1))
    smaller = tuple((side - 1) // stride + 1 for side in sides)
    enlarge = [] if smaller == sides else [Enlarge(sides)]
    decoder = nn.Sequential(
        convolution(channels, hidden, 3, padding=1),
        nn.ReLU(),
        *enlarge,
        convolution(hidden, width, 3, padding=1),
    )
    return encoder, decoder, (channels, *smaller)


class Rounded(torch.autograd.Function):
    """Rounds, and lets gradients pass as if it did not (Bengio et al., 2013)."""

    @staticmethod
    def forward(ctx, x):  # pyright: ignore[reportIncompatibleMethodOverride]
        return x.round()

    @staticmethod
    def backward(ctx, gradient):  # pyright: ignore[reportIncompatibleMethodOverride]
        return gradient


class WaistCoder(Coder):
    """A waist whose training begins at the principal components of the first features that it sees.

    A subclass says by how much components are multiplied (`gains`), and what arrives of a latent (`arrives`).

    Args:
        shape: of the features.
        channels: of the latent.
        stride: by which maps become smaller.
    """

    def __init__(self, shape: tuple[int, ...], channels: int, stride: int) -> None:
        encoder, decoder, self.latent = waist(shape, channels, stride)
        super().__init__(encoder, decoder)
        self.has_begun = False

    @property
    def waist(self) -> tuple[nn.Module, nn.Module]:
        """The layers that make features narrow, and those that widen them."""
        return self.encoder, self.decoder

    def gains(self, found: Components) -> Tensor:
        """By what the distance along each component is multiplied, (count,)."""
        raise NotImplementedError(f"{type(self).__name__} must define gains(found)")

    def arrives(self, latent: Tensor) -> Tensor:
        """What the decoder gets of a latent, (N, ...), once it is trained."""
        raise NotImplementedError(f"{type(self).__name__} must define arrives(latent)")

    def begin(self, feature: Tensor) -> None:
        encoder, decoder = self.waist
        assert isinstance(encoder, nn.Sequential)
        assert isinstance(decoder, nn.Sequential)
        if not self.has_begun:
            begin_at(encoder, decoder, feature, self.gains, self.arrives)
        self.has_begun = True


class LevelCoder(WaistCoder):
    """A waist whose latent is sent as levels of so many bits, packed.

    Args:
        shape: of the features.
        channels: of the latent.
        stride: by which maps become smaller.
        bits: of each number of the latent.
        through: a compressor behind it, or none.
        noise: deviation of the noise that stands for the channel's in training, in the latent's range from 0 to 1.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        channels: int,
        stride: int,
        bits: int,
        through: Through = None,
        noise: float = 0.0,
    ) -> None:
        super().__init__(shape, channels, stride)
        self.encoder = nn.Sequential(*self.encoder.children(), nn.Sigmoid())
        self.bits, self.through, self.noise = bits, through, noise

    @property
    def top(self) -> int:
        """The highest level."""
        return 2**self.bits - 1

    def gains(self, found: Components) -> Tensor:
        """Few levels are all used alike; many lie where the sigmoid is straight."""
        return STEEPEST / (self.bits + 1) / found.deviation.clamp(min=1e-12)

    def arrives(self, latent: Tensor) -> Tensor:
        return (latent * self.top).round() / self.top

    def squeeze(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        levels = Rounded.apply(latent * self.top) / self.top
        if self.training and self.noise:
            levels = levels + self.noise * torch.randn_like(levels)
        return levels, latent.new_full((len(latent),), self.bits * math.prod(self.latent))

    def to_bytes(self, latent: Tensor) -> bytes:
        levels = np.rint(latent.numpy() * self.top).astype(np.uint8)
        return compressed(levels.tobytes(), self.through) if self.through else pack_bits(levels, self.bits)

    def from_bytes(self, payload: bytes) -> Tensor:
        count = math.prod(self.latent)
        if self.through:
            levels = unpack_bits(decompressed(payload, self.through, count), 8, count)
        else:
            levels = unpack_bits(payload, self.bits, count)
        return (
            torch.from_numpy(levels.astype(np.float32)).reshape(self.latent).clamp_(max=self.top) / self.top
        )


class Waist(LearnedCodec):
    """Settings of codecs that send a narrow latent as levels."""

    channels: Annotated[int, Field(ge=1, le=1024)] = 8
    """of the latent: fewer take fewer bytes"""
    stride: Annotated[int, Field(ge=1, le=8)] = 1
    """by which the latent's maps are smaller than the feature's"""
    bits: Annotated[int, Field(ge=1, le=8)] = 8
    """of each number of the latent"""
    through: Through = None
    """a compressor behind it: zstd or lz4"""

    def coder(self, shape: tuple[int, ...]) -> Coder:
        return LevelCoder(shape, self.channels, self.stride, self.bits, self.through)
