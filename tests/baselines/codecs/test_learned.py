"""Learned codecs by what their papers say of them, on coders that are trained in a moment.

Covers: baselines/codecs/bottleneck.py, baselines/codecs/channel_reduction.py, baselines/codecs/entropic.py,
    baselines/codecs/lossy.py, baselines/codecs/progressive.py, baselines/codecs/reconstruction.py,
    baselines/codecs/variable_rate.py, baselines/codecs/waist.py
"""

import math
import random
import tracemalloc
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.codecs.bottleneck import Bottleneck
from baselines.codecs.channel_reduction import ChannelReduction
from baselines.codecs.entropic import Entropic
from baselines.codecs.filter import Filter
from baselines.codecs.lossy import Lossy
from baselines.codecs.progressive import Progressive
from baselines.codecs.reconstruction import Reconstruction
from baselines.codecs.variable_rate import VariableRate
from bench import SeesawError
from bench.kinds.frame import write_frame
from bench.kinds.method import Method
from bench.kinds.sending import receive
from bench.network.crossing import Crossing
from bench.plugins.plugin import Choice
from bench.runs.training.codecs import fitted
from bench.testing import AllExits, TinyTask, trained

CUT = 2


@pytest.fixture(scope="module")
def net():
    """The tiny network, trained, and its features of the test split at the cut."""
    net, _ = trained(Method(), AllExits())
    return net


@pytest.fixture(scope="module")
def features(net):
    data = TinyTask().data(Path(), 0)
    with torch.no_grad():
        return net.cut(CUT)[0](data.scale(data.test.inputs))


def fit(net, codec):
    data = TinyTask().data(Path(), 0)
    return fitted(Choice(codec, "one", "a test"), net, CUT, data.lent, batch=16, seed=0)


def payloads(codec, features):
    return [codec.encode(one) for one in features]


def arrived(codec, features):
    return torch.stack([codec.decode(one, codec.shape) for one in payloads(codec, features)])


def share_alike(net, features, there):
    """The share of the samples that the network answers as it does without the codec."""
    back = net.cut(CUT)[1]
    with torch.no_grad():
        return float((back.run(there)[-1].argmax(1) == back.run(features)[-1].argmax(1)).float().mean())


@pytest.mark.parametrize(
    "codec",
    [
        Reconstruction(channels=3, stride=2, bits=5),
        Bottleneck(channels=2, bits=4),
        ChannelReduction(channels=4, bits=3),
        Progressive(channels=4, bits=6),
        Lossy(channels=3, stride=2),
    ],
    ids=lambda codec: type(codec).__name__,
)
@pytest.mark.parametrize("shape", [(8, 7, 5), (6, 11), (20,)])
def test_bytes_give_what_the_coders_own_pass_gives(codec, shape):
    torch.manual_seed(0)
    coder = codec.coder(shape).eval()
    x = torch.randn(2, *shape)
    with torch.no_grad():
        whole, bits = coder(x)
        latent = coder.encoder(x)
        back = torch.stack([coder.decoder(coder.from_bytes(coder.to_bytes(one))[None])[0] for one in latent])
    assert whole.shape == x.shape
    assert torch.allclose(back, whole, atol=1e-5)
    for one, expected in zip(latent, bits.tolist(), strict=True):
        extra = 1 if isinstance(codec, Lossy) else 0  # the bits of its packets
        assert extra <= len(coder.to_bytes(one)) - expected / 8 < extra + 1


def test_training_makes_the_feature_come_back_better(net, features):
    def error(epochs):
        return float((arrived(fit(net, Reconstruction(epochs=epochs)), features) - features).square().mean())

    assert error(12) < 0.7 * error(1)


@pytest.mark.parametrize("kind", [Bottleneck, ChannelReduction, Entropic, Lossy, Progressive])
def test_training_makes_the_networks_answers_likelier(net, features, kind):
    labels = TinyTask().data(Path(), 0).test.labels

    def loss(epochs):
        there = arrived(fit(net, kind(epochs=epochs, channels=4)), features)
        with torch.no_grad():
            return float(torch.nn.functional.cross_entropy(net.cut(CUT)[1].run(there)[-1], labels))

    assert loss(30) < loss(1)


def test_noise_is_of_training_alone():
    torch.manual_seed(0)
    coder = Bottleneck(noise=0.2).coder((4, 6, 6))
    latent = torch.rand(2, 8, 6, 6)
    assert not torch.equal(coder.train().squeeze(latent)[0], coder.squeeze(latent)[0])
    assert torch.equal(coder.eval().squeeze(latent)[0], coder.squeeze(latent)[0])


def test_gradients_pass_the_rounding_of_every_codec():
    for codec in (Bottleneck(), Progressive(), Lossy(), Entropic(), VariableRate()):
        coder = codec.coder((4, 6, 6)).train()
        coder(torch.randn(3, 4, 6, 6))[0].square().sum().backward()
        first = next(coder.encoder.parameters())
        assert first.grad is not None
        assert bool(first.grad.any())


def test_any_first_bytes_of_a_progressive_payload_are_the_first_channels(net, features):
    codec = fit(net, Progressive(epochs=6, channels=6))
    whole = codec.encode(features[0])
    each = math.prod(codec.coder.latent[1:])
    assert len(whole) == 6 * each
    for sent in (1, 3, 6):
        fewer = fit(net, Progressive(epochs=6, channels=6, sent=sent))
        assert fewer.encode(features[0]) == whole[: sent * each]
        broken = codec.decode(whole[: sent * each + (each // 2 if sent < 6 else 0)], codec.shape)
        assert torch.equal(broken, fewer.decode(fewer.encode(features[0]), codec.shape))
    assert codec.decode(b"", codec.shape).shape == features[0].shape


def test_more_channels_of_a_progressive_latent_give_a_nearer_feature(net, features):
    codec = fit(net, Progressive(epochs=20, channels=6))
    each = math.prod(codec.coder.latent[1:])
    errors = []
    for sent in (0, 1, 3):
        back = torch.stack(
            [codec.decode(one[: sent * each], codec.shape) for one in payloads(codec, features)]
        )
        errors.append(float((back - features).square().mean()))
    assert errors == sorted(errors, reverse=True)


def test_a_higher_beta_takes_fewer_bytes(net, features):
    sizes = [
        sum(map(len, payloads(fit(net, Entropic(epochs=12, beta=beta, first=1.0)), features)))
        for beta in (1e-4, 10.0)
    ]
    assert sizes[1] < 0.8 * sizes[0]


def test_entropic_takes_the_bytes_that_its_prior_expects(net, features):
    codec = fit(net, Entropic(epochs=8))
    with torch.no_grad():
        latent = codec.coder.encoder(features)
        bits = codec.coder.squeeze(latent)[1].sum()
    real = 8 * sum(map(len, payloads(codec, features)))
    assert -0.01 * float(bits) < real - float(bits) < 0.02 * float(bits) + 40 * len(features)


def test_the_server_decodes_whatever_unit_wrote_a_payload(net, features):
    few, many = (fit(net, VariableRate(epochs=9, betas=(1e-4, 5.0), rate=rate)) for rate in (1, 0))
    assert few.encode(features[0])[0] == 1
    assert len(few.encode(features[0])) < len(many.encode(features[0]))
    for one in features[:4]:
        assert torch.equal(many.decode(few.encode(one), many.shape), few.decode(few.encode(one), few.shape))
    with pytest.raises(ValueError, match="no unit of 2 wrote this"):
        many.decode(b"\x02abcd", many.shape)


def test_packets_are_lost_by_chance_and_always_the_same(net, features):
    codec = fit(net, Lossy(epochs=2, lost=0.4, packet=4))
    counts = []
    for one in features:
        payload = codec.encode(one)
        assert payload == codec.encode(one)
        arrives = np.unpackbits(np.frombuffer(payload, np.uint8), count=codec.coder.packets)
        counts.append(arrives.mean())
    assert 0.5 < np.mean(counts) < 0.7
    with pytest.raises(ValueError, match="numbers of"):
        codec.decode(codec.encode(features[0])[:-1], codec.shape)


def test_dropout_in_training_makes_lost_packets_hurt_less(net, features):
    def alike(dropout):
        codec = fit(net, Lossy(epochs=25, dropout=dropout, lost=0.5, packet=2, channels=2))
        return share_alike(net, features, arrived(codec, features))

    assert alike(0.5) >= alike(0.0)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_bytes_give_a_feature_or_an_error(net, data):
    codec = _coders()[data.draw(st.integers(0, len(_coders()) - 1))]
    payload = data.draw(st.binary(max_size=200))
    with suppress(ValueError, AssertionError):
        assert torch.isfinite(codec.from_bytes(payload)).all()


def _coders(made=[]):  # noqa: B006
    if not made:
        torch.manual_seed(0)
        for codec in (
            Reconstruction(bits=3),
            Bottleneck(through="zstd"),
            Entropic(),
            Progressive(),
            VariableRate(),
            Lossy(),
        ):
            coder = codec.coder((3, 6, 5)).eval()
            coder.finish()
            made.append(coder)
    return made


TRAINED = {
    "reconstruction": Reconstruction(channels=3, stride=2, bits=5, epochs=2),
    "bottleneck": Bottleneck(channels=4, through="zstd", epochs=2),
    "channel-reduction": ChannelReduction(channels=4, bits=3, epochs=2),
    "entropic": Entropic(channels=4, epochs=2),
    "variable-rate": VariableRate(channels=4, epochs=2),
    "progressive": Progressive(channels=4, bits=6, epochs=2),
    "lossy": Lossy(channels=3, stride=2, epochs=2),
    "filter": Filter(channels=4, epochs=2),
}
MOST = 1 << 20
"""Bytes that a damaged payload may take; the feature takes 8192."""


@pytest.mark.parametrize("name", TRAINED)
def test_damaged_bytes_of_a_trained_codec_are_a_sentence_or_a_feature_in_bounded_memory(net, features, name):
    codec, chance, refused = fit(net, TRAINED[name]), random.Random(0), 0
    cut, sent = Crossing(codec.shape, 0, 10), payloads(codec, features[:5])
    for number in range(400):
        message = write_frame(_damaged(sent[number % 5], chance), codec.shape)
        tracemalloc.start()
        try:
            there = receive(cut, [message], codec)
        except SeesawError:
            refused += 1
        else:
            assert there.shape == (1, *codec.shape)
            assert torch.isfinite(there).all()
            assert there.abs().max() < 1e8
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert most < MOST
    assert 0 < refused < 400


def _damaged(payload: bytes, chance: random.Random) -> bytes:
    """A payload cut short, with bits turned over, made longer, with a number that lies, or any bytes."""
    at, other = chance.randrange(len(payload) + 1), chance.randbytes(chance.choice([1, 4, 16, 5000]))
    lie = chance.choice([b"\xff" * 4, b"\x00" * 4, b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80"])
    turned = bytes(one ^ (chance.random() < 0.03) << chance.randrange(8) for one in payload)
    same = chance.randbytes(len(payload))
    return chance.choice(
        [payload[:at], turned, payload + other, payload[:at] + lie + payload[at + 4 :], other, same]
    )
