"""A learned codec that breaks its contract is found."""

import numpy as np
import pytest
import torch
from torch import nn

from bench import Coder, LearnedCodec, SeesawError
from bench.testing import Nonconforming, check_learned_codec


class PlainCoder(Coder):
    """Sends half precision, times a number that is learned."""

    def __init__(self, shape):
        super().__init__(nn.Identity(), nn.Identity())
        self.shape, self.scale = shape, nn.Parameter(torch.ones(1))

    def squeeze(self, latent):
        return latent * self.scale, latent.new_zeros(len(latent))

    def to_bytes(self, latent):
        return latent.clamp(-6e4, 6e4).numpy().astype("<f2").tobytes()

    def from_bytes(self, payload):
        values = np.frombuffer(payload, "<f2").astype(np.float32)
        return torch.from_numpy(np.nan_to_num(values)).reshape(self.shape)


class Plain(LearnedCodec):
    """Conforms."""

    def coder(self, shape):
        return PlainCoder(shape)

    def loss(self, coder, lesson):
        return (coder(lesson.feature)[0] - lesson.feature).square().mean()


class Meddling(Plain):
    """Changes the network while it trains."""

    def loss(self, coder, lesson):
        with torch.no_grad():
            next(lesson._net.parameters()).add_(1.0)
        return super().loss(coder, lesson)


class Short(Plain):
    """Gives back another shape."""

    def coder(self, shape):
        coder = PlainCoder(shape)
        coder.decoder = nn.Flatten()
        return coder

    def loss(self, coder, lesson):
        return coder.scale.square().sum()


class Endless(Plain):
    """Its loss is no number."""

    def loss(self, coder, lesson):
        return super().loss(coder, lesson) * float("nan")


class Random(Plain):
    """Other bytes each time."""

    def coder(self, shape):
        coder = PlainCoder(shape)
        coder.to_bytes = lambda latent: PlainCoder.to_bytes(coder, latent + torch.rand(1))
        return coder


def test_a_sound_one_conforms():
    assert "the network stays as it is" in check_learned_codec(Plain())


@pytest.mark.parametrize(
    ("codec", "error", "sentence"),
    [
        (Meddling(), Nonconforming, "the same seed gives the same coder|the network stays as it is"),
        (Short(), Nonconforming, "a feature comes back in its shape"),
        (Endless(), SeesawError, "ends in no number. Lower its lr"),
        (Random(), Nonconforming, "a feature always becomes the same bytes"),
    ],
)
def test_what_is_wrong_is_named(codec, error, sentence):
    with pytest.raises(error, match=sentence):
        check_learned_codec(codec)
