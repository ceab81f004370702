"""LearnedCodec: a codec that is trained for one cut of one network, which itself stays as it is.

What is trained is a `Coder`: an encoder, which runs on the device, what its latent becomes as bytes, and a decoder, which runs
on the server. The plugin says what a coder looks like and what it is trained for; a trained coder is used as any codec
(`FittedCodec`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Annotated, Any, NamedTuple, Protocol, Self

import torch
from pydantic import ConfigDict, Field
from torch import Tensor, nn

from bench.errors import SeesawError
from bench.kinds.codec import Codec
from bench.network.forward import forward
from bench.network.net import Net
from bench.plugins.plugin import Count, Positive


class Coder(nn.Module):
    """What a learned codec trains, for features of one shape.

    Args:
        encoder: on the device; features (N, *shape) to latents (N, ...).
        decoder: on the server; latents, as they come out of bytes, to features.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def squeeze(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        """What stands in training for writing bytes and reading them: a differentiable (latent, bits of each sample)."""
        raise NotImplementedError(f"{type(self).__name__} must define squeeze(latent)")

    def to_bytes(self, latent: Tensor) -> bytes:
        """The latent of one sample, without the batch, on the CPU, as bytes."""
        raise NotImplementedError(f"{type(self).__name__} must define to_bytes(latent)")

    def from_bytes(self, payload: bytes) -> Tensor:
        """The latent of one sample from bytes, perhaps a stranger's.

        Raises:
            ValueError: they are none of this coder.
        """
        raise NotImplementedError(f"{type(self).__name__} must define from_bytes(payload)")

    def speed(self, name: str) -> float:
        """How many times as fast as the others a parameter learns, by its name."""
        return 1.0

    def begin(self, feature: Tensor) -> None:
        """Called before each training, with the features of its first batch, (N, *shape): a place to begin from what they are."""

    def finish(self) -> None:
        """Called once after training: make what coding needs, such as tables, and keep it in buffers."""

    def forward(self, feature: Tensor) -> tuple[Tensor, Tensor]:
        """(The feature as it arrives, bits of each sample), as in training."""
        latent, bits = self.squeeze(self.encoder(feature))
        return self.decoder(latent), bits


class After(NamedTuple):
    """What the network makes of a feature behind the cut.

    Attributes:
        features: of each later stage, each (N, ...), from the first.
        logits: of the last exit, (N, classes).
    """

    features: list[Tensor]
    logits: Tensor


class Lesson:
    """One batch to train a coder on.

    Args:
        net: frozen, in eval mode.
        cut: where the coder stands.
        inputs: scaled, (N, ...).
        labels: int64 (N,).
    """

    def __init__(self, net: Net, cut: int, inputs: Tensor, labels: Tensor) -> None:
        self.labels, self._net, self._cut = labels, net, cut
        front, self._back = net.cut(cut)
        with torch.no_grad():
            self.feature, self._earlier = net.crossing(cut).part(front(inputs))
        """what crosses, (N, *shape)"""

    def after(self, feature: Tensor) -> After:
        """What the frozen network makes of a feature as it arrived; gradients lead back to it."""
        features: list[Tensor] = []
        done = forward(self._back.stages.items(), self._back.heads, feature, self._earlier, features.append)
        return After(features, done.exit_logits[-1])

    @cached_property
    def taught(self) -> After:
        """What it makes of the feature itself: a teacher's answer, without gradients."""
        with torch.no_grad():
            return self.after(self.feature)


CoderLoss = Callable[[Coder, Lesson], Tensor]
"""From a coder and a batch to a scalar."""


class CodecTraining(Protocol):
    """The training that is lent to a learned codec."""

    def __call__(
        self,
        coder: Coder,
        loss: CoderLoss,
        share: float = 1.0,
        parameters: Iterable[nn.Parameter] | None = None,
    ) -> None:
        """Train a coder with Adam and a cosine schedule, over the train split.

        Args:
            coder: as it is so far.
            loss: of a batch.
            share: of the codec's epochs.
            parameters: those that train; all of the coder where left out.
        """
        ...


class LearnedCodec(Codec):
    """Defines `coder` and `loss`, perhaps `fit`; the network is frozen."""

    cuts: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """where it is trained and measured; at every inner cut where left open"""
    epochs: Count = 5
    """passes over the train split"""
    lr: Positive = 1e-3
    """Adam's highest learning rate"""

    def coder(self, shape: tuple[int, ...]) -> Coder:
        """An untrained coder of features of this shape."""
        raise NotImplementedError(f"{type(self).__name__} must define coder(shape)")

    def loss(self, coder: Coder, lesson: Lesson) -> Tensor:
        """What training makes small: a scalar."""
        raise NotImplementedError(f"{type(self).__name__} must define loss(coder, lesson)")

    def fit(self, coder: Coder, train: CodecTraining) -> None:
        """Train a coder; the default does so by `loss` alone."""
        train(coder, self.loss)

    def trained_as(self) -> Self:
        """The codec whose training this one shares: itself, without what may change while it runs."""
        return self

    def used(self, coder: Coder) -> Coder:
        """The coder as this codec uses it, of one that `trained_as` has trained."""
        return coder

    def is_at(self, cut: int) -> bool:
        """Whether it is trained and measured at a cut."""
        return not self.cuts or cut in self.cuts

    def encode(self, feature: Tensor) -> bytes:
        raise _unfitted(self)

    def decode(self, payload: bytes, shape: tuple[int, ...]) -> Tensor:
        raise _unfitted(self)


def _unfitted(codec: LearnedCodec) -> SeesawError:
    return SeesawError(
        f"{type(codec).__name__} is trained for a cut of a network, and codes nothing before. Name it in a run: --codecs."
    )


class FittedCodec(Codec):
    """A trained coder as a codec: of features of its one shape."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    coder: Any = Field(repr=False)
    """a `Coder`, in eval mode, on the CPU"""
    shape: tuple[int, ...]
    """of its features"""

    @torch.no_grad()
    def encode(self, feature: Tensor) -> bytes:
        return self.coder.to_bytes(self.coder.encoder(feature[None].contiguous())[0])

    @torch.no_grad()
    def decode(self, payload: bytes, shape: tuple[int, ...]) -> Tensor:
        if tuple(shape) != self.shape:
            raise ValueError(f"a coder of features {self.shape}, and not {tuple(shape)}")
        return self.coder.decoder(self.coder.from_bytes(payload)[None])[0]
