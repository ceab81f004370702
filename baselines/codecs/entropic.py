"""Entropic student: a latent of whole numbers whose bytes are learned with it, in two stages of distillation (Matsubara et al.,
Supervised Compression for Split Computing, WACV 2022).

First encoder, prior and decoder learn to give back what later stages make of the feature, for `beta` times the bits; then
encoder and prior stand, and the decoder learns the answers of the network without the codec. What follows the cut is frozen
here, where the paper trains it on.
"""

import math
from collections.abc import Callable
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from baselines.codecs.components import Components
from baselines.codecs.prior import Prior
from baselines.codecs.waist import WaistCoder
from bench import CodecTraining, Coder, LearnedCodec, Lesson, Positive, Share

PRIOR_SPEED = 20.0
"""How many times as fast the prior learns: it has few numbers, and starts from a distribution that is far too wide."""

STEP = 6 * math.log2(math.e)
"""Over the weight of a bit: the square of the step at which a finer one costs as much in bits as it saves in squared error, d^2 / 12 a number
(Gish and Pierce, Asymptotically Efficient Quantizing, IEEE Transactions on Information Theory 14, 1968)."""


class PriorCoder(WaistCoder):
    """A waist whose latent is rounded to whole numbers and coded by a learned prior.

    Args:
        shape: of the features.
        channels: of the latent.
        stride: by which maps become smaller.
        step: from the first component's deviation to that distance along components which is rounded to one at the beginning.
    """

    def __init__(
        self, shape: tuple[int, ...], channels: int, stride: int, step: Callable[[float], float]
    ) -> None:
        super().__init__(shape, channels, stride)
        self.prior, self.step = Prior(self.latent[0]), step
        self.hard = False

    def gains(self, found: Components) -> Tensor:
        return torch.full_like(found.deviation, 1 / self.step(float(found.deviation[0])))

    def arrives(self, latent: Tensor) -> Tensor:
        return latent.round()

    def squeeze(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        if self.training and not self.hard:
            noisy = latent + torch.rand_like(latent) - 0.5
            return noisy, self.prior.bits(noisy)
        return latent.round(), self.prior.bits(latent.round())

    def speed(self, name: str) -> float:
        return PRIOR_SPEED if name.startswith("prior.") else 1.0

    def finish(self) -> None:
        self.prior.settle()

    def to_bytes(self, latent: Tensor) -> bytes:
        numbers = np.rint(latent.double().numpy()).astype(np.int64).reshape(self.latent[0], -1)
        return self.prior.encode(numbers)

    def from_bytes(self, payload: bytes) -> Tensor:
        numbers = self.prior.decode(payload, math.prod(self.latent[1:]))
        return torch.from_numpy(numbers.astype(np.float32)).reshape(self.latent)


class Entropic(LearnedCodec):
    """A latent whose bytes are learned with it; beta sets the rate."""

    channels: Annotated[int, Field(ge=1, le=1024)] = 16
    """of the latent"""
    stride: Annotated[int, Field(ge=1, le=8)] = 1
    """by which the latent's maps are smaller than the feature's"""
    beta: Positive = 0.01
    """weight of a bit of each sample against the squared error: more takes fewer bytes"""
    first: Share = 0.6
    """share of the epochs for the first stage"""

    def coder(self, shape: tuple[int, ...]) -> Coder:
        step = math.sqrt(STEP * self.beta)
        return PriorCoder(shape, self.channels, self.stride, lambda deviation: step)

    def loss(self, coder: Coder, lesson: Lesson) -> Tensor:
        arrived, bits = coder(lesson.feature)
        own = [arrived, *lesson.after(arrived).features]
        theirs = [lesson.feature, *lesson.taught.features]
        errors = [(a - b).square().flatten(1).sum(1).mean() for a, b in zip(own, theirs, strict=True)]
        return torch.stack(errors).sum() + self.beta * bits.mean()

    def answers(self, coder: Coder, lesson: Lesson) -> Tensor:
        """The second stage's loss: the teacher's answers and the labels, half and half."""
        logits = lesson.after(coder(lesson.feature)[0]).logits
        taught = F.kl_div(
            logits.log_softmax(1), lesson.taught.logits.log_softmax(1), log_target=True, reduction="batchmean"
        )
        return 0.5 * taught + 0.5 * F.cross_entropy(logits, lesson.labels)

    def fit(self, coder: Coder, train: CodecTraining) -> None:
        train(coder, self.loss, self.first)
        if self.first < 1:
            assert isinstance(coder, PriorCoder)
            coder.hard = True
            train(coder, self.answers, 1 - self.first, coder.decoder.parameters())
