"""Neural filter: a small head on the device decides that nothing need be sent (Matsubara and Levorato, Neural Compression and
Filtering for Edge-assisted Real-time Object Detection in Challenged Networks, ICPR 2020, arXiv 2007.15818).

There the filter drops pictures without an object of interest, and the rest crosses a narrow layer in 8 bits, trained by
generalised head network distillation. A picture without objects has an answer without a server: no object. A classifier
says as much only where one of its classes means nothing of interest, such as `empty`; `nothing` names it, and a sample
that is not sent is answered with this class. So what filtering costs is measured like any codec: a sample that the head drops
wrongly is answered wrongly. Its payload is empty; its frame still crosses, so that the server learns that nothing comes.

The server answers for such a sample through the network itself: the decoder holds one feature, learned so that the later stages
give that class. The device always computes both the head and the narrow layer, and both are counted.
"""

import math
from typing import Annotated, Self

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from baselines.codecs.channel_reduction import ChannelReduction
from baselines.codecs.waist import LevelCoder, Through
from bench import CodecTraining, Coder, Lesson, SeesawError

HIDDEN = 16
"""Width of the filter's hidden layer."""
STAND_SHARE = 0.1
"""Share of the epochs in which the feature that stands for nothing is learned."""
STAND_SPEED = 50.0
"""How many times as fast it learns: it has one sample to fit, and few steps."""


def filter_head(shape: tuple[int, ...]) -> nn.Sequential:
    """A head of two layers from a feature to one logit: positive where it holds nothing.

    Args:
        shape: of the features; maps and texts are averaged over quarters, or halves, of their places.
    """
    pools = {3: nn.AdaptiveAvgPool2d(2), 2: nn.AdaptiveAvgPool1d(2)}
    pool = pools.get(len(shape), nn.Identity())
    numbers = math.prod(shape) if len(shape) not in pools else shape[0] * 2 ** (len(shape) - 1)
    return nn.Sequential(pool, nn.Flatten(), nn.Linear(numbers, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1))


class Watching(nn.Module):
    """The device's half: (N, 1 + numbers), the filter's logit ahead of the narrow latent."""

    def __init__(self, narrow: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.narrow, self.head = narrow, head

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.head(x), self.narrow(x).flatten(1)], 1)


class Standing(nn.Module):
    """The server's half: widens a latent, or gives the feature that stands for nothing where none came.

    Args:
        widen: from a latent (N, *latent) to features.
        latent: its shape.
        shape: of the features.
    """

    def __init__(self, widen: nn.Module, latent: tuple[int, ...], shape: tuple[int, ...]) -> None:
        super().__init__()
        self.widen, self.latent = widen, latent
        self.instead = nn.Parameter(torch.zeros(shape))

    def forward(self, x: Tensor) -> Tensor:
        """From (N, 1 + numbers), the first of which is 1 where nothing came and else 0."""
        wide = self.widen(x[:, 1:].reshape(-1, *self.latent))
        dropped = (x[:, 0] > 0.5).reshape(-1, *[1] * (wide.dim() - 1))
        return torch.where(dropped, self.instead, wide)


class FilterCoder(LevelCoder):
    """A waist with a filter before it, which sends nothing of some samples.

    Args:
        shape: of the features.
        channels: of the latent.
        stride: by which maps become smaller.
        bits: of each number of the latent.
        through: a compressor behind it, or none.
    """

    def __init__(
        self, shape: tuple[int, ...], channels: int, stride: int, bits: int, through: Through = None
    ) -> None:
        super().__init__(shape, channels, stride, bits, through)
        self.encoder = Watching(self.encoder, filter_head(shape))
        self.decoder = Standing(self.decoder, self.latent, shape)
        self.threshold = 0.5
        self.register_buffer("seen", torch.zeros(()))

    @property
    def waist(self) -> tuple[nn.Module, nn.Module]:
        assert isinstance(self.encoder, Watching)
        assert isinstance(self.decoder, Standing)
        return self.encoder.narrow, self.decoder.widen

    def drops(self, latent: Tensor) -> Tensor:
        """Which samples are not sent, (N,), by latents with their logits, (N, 1 + numbers)."""
        return latent[:, 0].sigmoid() >= self.threshold

    def squeeze(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        levels, bits = super().squeeze(latent[:, 1:])
        dropped = torch.zeros_like(latent[:, 0]) if self.training else self.drops(latent).to(latent.dtype)
        return torch.cat([dropped[:, None], levels], 1), bits * (1 - dropped)

    def speed(self, name: str) -> float:
        return STAND_SPEED if name == "decoder.instead" else 1.0

    @torch.no_grad()
    def meet(self, features: Tensor) -> None:
        """Take features that hold nothing, (N, *shape), into the mean from which the one that stands for them is learned."""
        assert isinstance(self.decoder, Standing)
        assert isinstance(self.seen, Tensor)
        if len(features):
            self.seen += len(features)
            self.decoder.instead += (features.sum(0) - len(features) * self.decoder.instead) / self.seen

    def to_bytes(self, latent: Tensor) -> bytes:
        if bool(self.drops(latent[None])[0]):
            return b""
        return super().to_bytes(latent[1:])

    def from_bytes(self, payload: bytes) -> Tensor:
        if not payload:
            return torch.cat([torch.ones(1), torch.zeros(math.prod(self.latent))])
        return torch.cat([torch.zeros(1), super().from_bytes(payload).flatten()])


class Filter(ChannelReduction):
    """A small head decides that nothing need be sent; the rest crosses a narrow latent."""

    nothing: Annotated[int, Field(ge=0)] = 0
    """the class that means nothing of interest: the answer to what is not sent"""
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.5
    """of the head's probability of nothing, from which on a sample is not sent; of one training for all thresholds"""

    def coder(self, shape: tuple[int, ...]) -> Coder:
        return FilterCoder(shape, self.channels, self.stride, self.bits, self.through)

    def loss(self, coder: Coder, lesson: Lesson) -> Tensor:
        """What channel reduction makes small, and the filter's cross-entropy.

        Raises:
            SeesawError: the network has no class `nothing`.
        """
        assert isinstance(coder, FilterCoder)
        assert isinstance(coder.encoder, Watching)
        if self.nothing >= (classes := lesson.taught.logits.shape[1]):
            raise SeesawError(
                f"The filter is to answer class {self.nothing}, and this network has the classes 0 to {classes - 1}. "
                "Name one of them: filter[nothing=...]."
            )
        empty = lesson.labels == self.nothing
        coder.meet(lesson.feature[empty])
        logits = coder.encoder.head(lesson.feature)[:, 0]
        return super().loss(coder, lesson) + F.binary_cross_entropy_with_logits(
            logits, empty.to(logits.dtype)
        )

    def stands(self, coder: Coder, lesson: Lesson) -> Tensor:
        """The second stage's loss: the later stages are to answer `nothing` to the feature that stands for it."""
        assert isinstance(coder.decoder, Standing)
        logits = lesson.after(coder.decoder.instead.expand_as(lesson.feature)).logits
        return F.cross_entropy(logits, torch.full_like(lesson.labels, self.nothing))

    def fit(self, coder: Coder, train: CodecTraining) -> None:
        assert isinstance(coder.decoder, Standing)
        train(coder, self.loss, 1 - STAND_SHARE)
        train(coder, self.stands, STAND_SHARE, [coder.decoder.instead])

    def trained_as(self) -> Self:
        return self.model_copy(update={"threshold": 0.5})

    def used(self, coder: Coder) -> Coder:
        assert isinstance(coder, FilterCoder)
        coder.threshold = self.threshold
        return coder
