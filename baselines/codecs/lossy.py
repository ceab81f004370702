"""Lossy link: trained with dropout in place of the link, so that lost packets hurt little (Itahara et al., COMtune,
Communication-oriented Model Fine-tuning for Packet-loss Resilient Distributed Inference, 2021).

Numbers of the latent are spread over packets, so that a lost one leaves holes everywhere; those that arrive are scaled by
1 / (1 - share lost). Measuring loses a share of the packets itself, the same ones for the same feature: the payload holds
what arrives, behind a bit for each packet.
"""

import math
import zlib
from typing import Annotated, Self

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from baselines.codecs.waist import LevelCoder, Rounded
from bench import Coder, LearnedCodec, Lesson, packed_bytes

Lost = Annotated[float, Field(ge=0, lt=1)]


class PacketCoder(LevelCoder):
    """A waist of one byte a number, whose bytes travel in packets of which some are lost."""

    def __init__(
        self, shape: tuple[int, ...], channels: int, stride: int, dropout: float, packet: int
    ) -> None:
        super().__init__(shape, channels, stride, 8)
        self.dropout, self.packet, self.lost = dropout, packet, 0.0

    @property
    def packets(self) -> int:
        """How many packets a latent takes."""
        return -(-math.prod(self.latent) // self.packet)

    def squeeze(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        levels = Rounded.apply(latent * self.top) / self.top
        dropped = F.dropout(levels, self.dropout, self.training)
        return dropped, latent.new_full((len(latent),), 8 * math.prod(self.latent))

    def to_bytes(self, latent: Tensor) -> bytes:
        levels = np.rint(latent.numpy() * self.top).astype(np.uint8).reshape(-1)
        luck = np.random.default_rng(zlib.crc32(levels.tobytes())).random(self.packets)
        arrives = luck >= self.lost
        spread = np.arange(len(levels)) % self.packets  # neighbours travel in different packets
        order = np.argsort(spread, kind="stable")
        return np.packbits(arrives).tobytes() + levels[order][arrives[spread[order]]].tobytes()

    def from_bytes(self, payload: bytes) -> Tensor:
        count, ahead = math.prod(self.latent), packed_bytes(1, self.packets)
        if len(payload) < ahead:
            raise ValueError(f"{len(payload)} bytes for the bits of {self.packets} packets")
        arrives = np.unpackbits(np.frombuffer(payload[:ahead], np.uint8), count=self.packets).astype(bool)
        spread = np.arange(count) % self.packets
        order = np.argsort(spread, kind="stable")
        there = order[arrives[spread[order]]]
        values = np.frombuffer(payload[ahead:], np.uint8)
        if len(values) != len(there):
            raise ValueError(f"{len(values)} numbers of {len(there)} in the packets that arrived")
        levels = np.zeros(count, np.float32)
        levels[there] = values
        kept = len(there) / count
        return torch.from_numpy(levels).reshape(self.latent) / self.top / max(kept, 1 / count)


class Lossy(LearnedCodec):
    """A latent that survives lost packets; `lost` of them do not arrive."""

    channels: Annotated[int, Field(ge=1, le=1024)] = 8
    """of the latent"""
    stride: Annotated[int, Field(ge=1, le=8)] = 1
    """by which the latent's maps are smaller than the feature's"""
    packet: Annotated[int, Field(ge=1, le=65536)] = 16
    """bytes of a packet, one a number"""
    dropout: Lost = 0.3
    """share of the numbers that training drops"""
    lost: Lost = 0.0
    """share of the packets that do not arrive where it is measured, of one training for all shares"""

    def coder(self, shape: tuple[int, ...]) -> Coder:
        return PacketCoder(shape, self.channels, self.stride, self.dropout, self.packet)

    def loss(self, coder: Coder, lesson: Lesson) -> Tensor:
        return F.cross_entropy(lesson.after(coder(lesson.feature)[0]).logits, lesson.labels)

    def trained_as(self) -> Self:
        return self.model_copy(update={"lost": 0.0})

    def used(self, coder: Coder) -> Coder:
        assert isinstance(coder, PacketCoder)
        coder.lost = self.lost
        return coder
