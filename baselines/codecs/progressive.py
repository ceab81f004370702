"""Progressive: a latent of which any first bytes are useful (Hojjat et al., ProgDTD, CVPR Workshops 2023, and Progressive
Neural Compression, RTSS 2023: stochastic tail-drop).

In every step of training the last channels are left out, as many as chance says, so that the first ones learn to matter most.
Channels are sent one after the other: a deadline or a broken link ends the payload anywhere, and the server decodes what
came. One training serves every rate (`sent`).
"""

from typing import Annotated, Self

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from baselines.codecs.waist import LevelCoder, Rounded
from bench import Coder, LearnedCodec, Lesson, pack_bits, unpack_bits

LACKING = 0.5
"""What stands for a number that did not come: the middle, which tells least."""


class PrefixCoder(LevelCoder):
    """A waist of which the first channels are sent, and any first bytes are read."""

    def __init__(self, shape: tuple[int, ...], channels: int, stride: int, bits: int) -> None:
        super().__init__(shape, channels, stride, bits)
        self.sent = channels

    def squeeze(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        levels = Rounded.apply(latent * self.top) / self.top
        sent = torch.full((len(latent),), self.sent, device=latent.device)
        if self.training:
            sent = torch.randint(1, self.latent[0] + 1, (len(latent),), device=latent.device)
        places = torch.arange(self.latent[0], device=latent.device)
        kept = (places < sent[:, None]).reshape(len(latent), -1, *[1] * (latent.dim() - 2))
        each = self.bits * int(np.prod(self.latent[1:], dtype=np.int64))
        return torch.where(kept, levels, LACKING), (sent * each).to(latent.dtype)

    def to_bytes(self, latent: Tensor) -> bytes:
        levels = np.rint(latent.numpy()[: self.sent] * self.top).astype(np.uint8)
        return pack_bits(levels, self.bits)

    def from_bytes(self, payload: bytes) -> Tensor:
        count = int(np.prod(self.latent, dtype=np.int64))
        arrived = min(len(payload) * 8 // self.bits, count)
        if len(payload) > (self.bits * count + 7) // 8:
            raise ValueError(f"{len(payload)} bytes for {count} numbers of {self.bits} bits")
        levels = np.full(count, LACKING * self.top, np.float32)
        levels[:arrived] = unpack_bits(payload[: (self.bits * arrived + 7) // 8], self.bits, arrived)
        whole = int(np.prod(self.latent[1:], dtype=np.int64))
        levels[arrived // whole * whole :] = LACKING * self.top  # a channel that came in part is none
        return torch.from_numpy(levels).reshape(self.latent) / self.top


class Progressive(LearnedCodec):
    """A latent of which any first bytes are useful; `sent` says how many channels go."""

    channels: Annotated[int, Field(ge=1, le=1024)] = 8
    """of the latent"""
    stride: Annotated[int, Field(ge=1, le=8)] = 1
    """by which the latent's maps are smaller than the feature's"""
    bits: Annotated[int, Field(ge=1, le=8)] = 8
    """of each number of the latent"""
    sent: Annotated[int, Field(ge=1, le=1024)] | None = None
    """channels that are sent, of one training for all numbers of them; all where left open"""

    def coder(self, shape: tuple[int, ...]) -> Coder:
        return PrefixCoder(shape, self.channels, self.stride, self.bits)

    def loss(self, coder: Coder, lesson: Lesson) -> Tensor:
        arrived = coder(lesson.feature)[0]
        logits = lesson.after(arrived).logits
        spread = lesson.feature.var().clamp(min=1e-6)
        return F.cross_entropy(logits, lesson.labels) + F.mse_loss(arrived, lesson.feature) / spread

    def trained_as(self) -> Self:
        return self.model_copy(update={"sent": None})

    def used(self, coder: Coder) -> Coder:
        assert isinstance(coder, PrefixCoder)
        coder.sent = min(self.sent or self.channels, self.channels)
        return coder
