"""The contract of every learned codec, as a check: it is trained for a tiny network."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from bench.kinds.bases.learned_codec import FittedCodec, LearnedCodec
from bench.kinds.method import Method
from bench.network.net import Net
from bench.plugins.plugin import Choice
from bench.runs.training.codecs import fitted
from bench.testing.codecs import check_damaged
from bench.testing.facts import Facts
from bench.testing.tiny import AllExits, TinyTask, trained

ODD = ((9,), (1,), (6, 5), (3, 7, 5), (1, 1, 1))
"""Shapes of features that a coder must take beside those of the tiny network."""


def check_learned_codec(codec: LearnedCodec) -> list[str]:
    """Check that a codec is trained for any cut without a change of the network, alike for one seed, and that it codes:
    features become the same bytes each time and come back as the coder's own pass gives them, in their shape.
    """
    facts = Facts()
    short = codec.model_copy(update={"epochs": 1, "cuts": ()})
    net, _ = trained(Method(), AllExits())
    before = copy.deepcopy(net.state_dict())
    for cut in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            one, kept, other = (_fit(short, net, cut, place) for place in (Path(folder), Path(folder), None))
        x = net.cut(cut)[0](
            torch.randn(4, *net.sample.shape, generator=torch.Generator().manual_seed(0))
        ).detach()
        _check_coding(facts, one, x)
        alike = all(one.encode(each) == other.encode(each) == kept.encode(each) for each in x)
        facts.hold(alike, "the same seed gives the same coder, trained again or read back")
    same = all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    facts.hold(same, "the network stays as it is", "Train the coder's parameters alone.")
    for shape in ODD:
        coder = codec.used(codec.coder(shape).eval())
        coder.finish()
        _check_coding(facts, FittedCodec(coder=coder, shape=shape), torch.randn(2, *shape))
    return list(dict.fromkeys(facts))


def _fit(codec: LearnedCodec, net: Net, cut: int, folder: Path | None) -> FittedCodec:
    choice = Choice(codec, type(codec).__name__.lower(), "a check")
    data = TinyTask().data(Path(), 0)
    return fitted(choice, net, cut, data.lent, batch=16, seed=0, folder=folder)


def _check_coding(facts: Facts, codec: FittedCodec, features: Tensor) -> None:
    for feature in features:
        payload = codec.encode(feature)
        facts.hold(isinstance(payload, bytes), "a feature becomes bytes")
        back = codec.decode(payload, codec.shape)
        whole = back.shape == feature.shape and back.dtype == torch.float32 and bool(back.isfinite().all())
        facts.hold(whole, "a feature comes back in its shape, of finite numbers")
        facts.hold(codec.encode(feature) == payload, "a feature always becomes the same bytes")
        facts.hold(torch.equal(codec.decode(payload, codec.shape), back), "and bytes always the same feature")
        check_damaged(facts, codec, payload, codec.shape, "a feature")
        fixed = codec.fixed_bytes(codec.shape)
        facts.hold(
            fixed is None or fixed == len(payload), "it takes the bytes that `fixed_bytes` gives, if any"
        )
