"""Variable rate: a small unit for each rate at one cut of a frozen network, switched while it runs (Datta et al., A
Low-Complexity Approach to Rate-Distortion Optimized Variable Bit-Rate Compression for Split DNN Computing, ICPR 2022).

Each unit is a waist of its own width, trained for the answer and for few bits. The first byte of a payload says which unit
wrote it, so a server decodes any of them; `rate` says which one the device uses.
"""

import math
from typing import Annotated, Self

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from baselines.codecs.entropic import PRIOR_SPEED, PriorCoder
from bench import CodecTraining, Coder, LearnedCodec, Lesson, Positive

COARSE = 10.0
"""Times the root of the weight of a bit: the step at the beginning, over the first component's deviation."""


class Switched(nn.Module):
    """The encoders, or decoders, of all units, of which one is in use."""

    def __init__(self, units: list[nn.Module]) -> None:
        super().__init__()
        self.units, self.rate = nn.ModuleList(units), 0

    def forward(self, x: Tensor) -> Tensor:
        return self.units[self.rate](x)


class UnitsCoder(Coder):
    """Several coders, of which one is in use; payloads say which wrote them."""

    def __init__(self, coders: list[PriorCoder]) -> None:
        super().__init__(Switched([one.encoder for one in coders]), Switched([one.decoder for one in coders]))
        self.coders = nn.ModuleList(coders)

    def use(self, rate: int) -> None:
        """Switch to a unit."""
        for part in (self.encoder, self.decoder):
            assert isinstance(part, Switched)
            part.rate = rate

    @property
    def coder(self) -> PriorCoder:
        """The unit in use."""
        assert isinstance(self.encoder, Switched)
        coder = self.coders[self.encoder.rate]
        assert isinstance(coder, PriorCoder)
        return coder

    def speed(self, name: str) -> float:
        return PRIOR_SPEED if ".prior." in name else 1.0

    def begin(self, feature: Tensor) -> None:
        self.coder.begin(feature)

    def squeeze(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        return self.coder.squeeze(latent)

    def finish(self) -> None:
        for one in self.coders:
            one.finish()  # pyright: ignore[reportCallIssue]

    def to_bytes(self, latent: Tensor) -> bytes:
        assert isinstance(self.encoder, Switched)
        return bytes([self.encoder.rate]) + self.coder.to_bytes(latent)

    def from_bytes(self, payload: bytes) -> Tensor:
        if not payload or payload[0] >= len(self.coders):
            raise ValueError(f"no unit of {len(self.coders)} wrote this")
        if isinstance(self.decoder, Switched):  # else it is on the other side
            self.decoder.rate = payload[0]
        coder = self.coders[payload[0]]
        assert isinstance(coder, PriorCoder)
        return coder.from_bytes(payload[1:])


class VariableRate(LearnedCodec):
    """A unit for each rate, switched while it runs."""

    betas: Annotated[tuple[Positive, ...], Field(min_length=1, max_length=16)] = (0.0003, 0.003, 0.03)
    """of the units, from the most bytes to the fewest: weight of a bit against the cross-entropy"""
    rate: Annotated[int, Field(ge=0, le=15)] = 0
    """the unit in use, from 0"""
    channels: Annotated[int, Field(ge=1, le=1024)] = 16
    """of each unit's latent"""
    stride: Annotated[int, Field(ge=1, le=8)] = 1
    """by which latents' maps are smaller than the feature's"""

    def coder(self, shape: tuple[int, ...]) -> Coder:
        shares = [COARSE * math.sqrt(beta) for beta in self.betas]
        return UnitsCoder(
            [
                PriorCoder(
                    shape, self.channels, self.stride, lambda deviation, share=share: share * deviation
                )
                for share in shares
            ]
        )

    def fit(self, coder: Coder, train: CodecTraining) -> None:
        assert isinstance(coder, UnitsCoder)
        for number, beta in enumerate(self.betas):
            coder.use(number)

            def loss(coder: Coder, lesson: Lesson, beta: float = beta) -> Tensor:
                arrived, bits = coder(lesson.feature)
                return F.cross_entropy(lesson.after(arrived).logits, lesson.labels) + beta * bits.mean()

            train(coder, loss, 1 / len(self.betas), coder.coders[number].parameters())

    def trained_as(self) -> Self:
        return self.model_copy(update={"rate": 0})

    def used(self, coder: Coder) -> Coder:
        assert isinstance(coder, UnitsCoder)
        coder.use(min(self.rate, len(self.betas) - 1))
        return coder
