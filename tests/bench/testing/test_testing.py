"""The conformance checks find what they are for.

Covers: bench/testing/backbones.py, bench/testing/codecs.py, bench/testing/exits.py, bench/testing/facts.py,
    bench/testing/meters.py, bench/testing/methods.py, bench/testing/policies.py, bench/testing/resumed.py,
    bench/testing/tasks.py, bench/testing/tiny.py
"""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from bench import (
    Backbone,
    Codec,
    Exits,
    MeanPool,
    Measurement,
    Meter,
    Method,
    Online,
    Policy,
    Reading,
    Reference,
    SeesawError,
    hide,
    maskable,
)
from bench.kinds.task import Split
from bench.testing import (
    Nonconforming,
    TinyTask,
    check_backbone,
    check_codec,
    check_exits,
    check_meter,
    check_method,
    check_policy,
    check_task,
)


class DeafBackbone(Backbone):
    def stages(self, sample):
        return [nn.Sequential(nn.Conv2d(sample.shape[0], 8, 3), nn.ReLU())]


class BatchBackbone(Backbone):
    def stages(self, sample):
        class Centre(nn.Module):
            def forward(self, x):
                return x - x.mean(0)

        return [nn.Sequential(nn.Conv2d(sample.shape[0], self.scaled(8), 3), Centre())]


class IdleBackbone(Backbone):
    def stages(self, sample):
        stage = nn.Sequential(nn.Conv2d(sample.shape[0], self.scaled(8), 3))
        stage.idle = nn.Parameter(torch.zeros(3))
        return [stage]


@pytest.mark.parametrize(
    ("backbone", "hint"),
    [
        (DeafBackbone(), "half the width"),
        (BatchBackbone(), "does not feel its batch"),
        (IdleBackbone(), "gradient"),
    ],
)
def test_a_backbone_that_breaks_the_contract_is_found(backbone, hint):
    with pytest.raises(Nonconforming, match=hint):
        check_backbone(backbone)


class Leaky(Method):
    def finalize(self, net, train):
        for layer in maskable(net).values():
            hide(layer, torch.rand(layer.weight.shape, generator=torch.Generator().manual_seed(0)) < 0.5)
            layer.weight.data += 1


class Generous(Method):
    density: float = 0.1


class Forgetful(Method):
    """Remembers between steps in a variable, which a killed run loses."""

    def fit(self, net, train):
        steps = []

        def after_step(step):
            steps.append(step.index)
            if len(steps) == 12:
                with torch.no_grad():
                    next(net.parameters()).mul_(0.5)

        train(net, after_step=after_step)


@pytest.mark.parametrize(
    ("method", "hint"),
    [
        (Leaky(), "are zero"),
        (Generous(), "about 0.1 of the weights exist"),
        (Forgetful(), "must lie in the network"),
    ],
)
def test_a_method_that_breaks_the_contract_is_found(method, hint):
    with pytest.raises(Nonconforming, match=hint):
        check_method(method)


class Half(Exits):
    def loss(self, logits, labels, progress):
        return logits[-1][:, :2].sum() * 0


class Unheard(Exits):
    """Heads that weight decay moves, and no loss."""

    def hang(self, net, shares, head):
        for stage, shape in enumerate(net.shapes):
            net.hang(
                stage,
                nn.Sequential(MeanPool(), nn.Linear(shape[0], 4, bias=False))
                if len(shape) > 1
                else head(stage),
            )

    def loss(self, logits, labels, progress):
        return sum(0 * one.sum() for one in logits[:-1]) + F.cross_entropy(logits[-1], labels)


class Unbounded(Exits):
    def loss(self, logits, labels, progress):
        return -logits[-1].softmax(1)[torch.arange(len(labels)), labels].log().mean()


class Elsewhere(Exits):
    """Its heads answer by what lies beside the network."""

    def hang(self, net, shares, head):
        last = len(net.stages) - 1
        net.hang(last, nn.Sequential(head(last), Counting()))

    def loss(self, logits, labels, progress):
        return F.cross_entropy(logits[-1], labels)


class Counting(nn.Module):
    calls = 0

    def forward(self, x):
        self.calls += 1
        return x + self.calls


@pytest.mark.parametrize(
    ("exits", "hint"),
    [
        (Half(), "moves every parameter"),
        (Unheard(), "every head gets a gradient"),
        (Unbounded(), "a finite number"),
        (Elsewhere(), "a walk leaves with the logits of its exit"),
    ],
)
def test_an_exits_plan_that_breaks_the_contract_is_found(exits, hint):
    with pytest.raises(Nonconforming, match=hint):
        check_exits(exits)


class Foresight(Policy):
    def score(self, logits):
        return logits.softmax(-1).amax(-1) + logits[-1].amax(-1)


class Cheat(Policy):
    def score(self, logits, labels=None):
        return logits.softmax(-1).amax(-1)


class Discount(Policy):
    def score(self, logits):
        return logits.softmax(-1).amax(-1)

    def learn(self, logits, labels, costs, points):
        states = super().learn(logits, labels, costs, points)
        costs.mul_(0.01)
        return states


@pytest.mark.parametrize(
    ("policy", "hint"),
    [
        (Foresight(), "do not depend on later"),
        (Cheat(), "asks for labels"),
        (Discount(), "costs as they are"),
    ],
)
def test_a_policy_that_cheats_is_found(policy, hint):
    with pytest.raises(Nonconforming, match=hint):
        check_policy(policy)


class Rash(Online):
    @staticmethod
    def index(arm, own, t, luck, rng):
        return -math.log(arm.plays)


class Mute(Online):
    pass


@pytest.mark.parametrize(
    ("policy", "hint"), [(Rash(start="booked"), "what has no value"), (Mute(), r"score\(logits\)")]
)
def test_a_policy_that_cannot_play_a_stream_is_found(policy, hint):
    with pytest.raises((SeesawError, NotImplementedError), match=hint):
        check_policy(policy)


class Nobody(Reference):
    def hindsight(self, rewards, costs, right):
        return rewards.argmax(0) + 1


def test_a_reference_that_plays_what_is_not_there_is_found():
    with pytest.raises(Nonconforming, match="every chosen arm exists"):
        check_policy(Nobody())


class Lossy(Codec):
    def encode(self, feature):
        return b"\0" * feature.numel()

    def decode(self, payload, shape):
        return torch.zeros(shape)


def test_a_codec_that_loses_the_feature_is_found():
    with pytest.raises(Nonconforming, match="within 5% of its span"):
        check_codec(Lossy())


class Wild(Meter):
    def measure(self, subject):
        measurement = Measurement()
        measurement.exits[99] = {"x": Reading(value=1, unit="one", source="nowhere")}
        return measurement


def test_a_meter_that_measures_what_is_not_there_is_found():
    with pytest.raises(Nonconforming, match="its exits exist"):
        check_meter(Wild())


class Shuffled(TinyTask):
    """Its test split is another one for every seed."""

    def data(self, root, seed):
        data = super().data(root, seed)
        order = torch.randperm(32, generator=torch.Generator().manual_seed(seed))
        return replace(data, test=Split(data.test.inputs[order], data.test.labels[order]))


class Offset(TinyTask):
    """Its labels are numbered from 1 on."""

    def data(self, root, seed):
        data = super().data(root, seed)
        return replace(data, train=Split(data.train.inputs, data.train.labels + 1))


@pytest.mark.parametrize(
    ("task", "hint"),
    [(Shuffled(), "the test split is the same for every seed"), (Offset(), r"train labels lie in .* 1\.\.4")],
)
def test_a_task_that_breaks_the_contract_is_found(task, hint):
    assert check_task(TinyTask())
    with pytest.raises(Nonconforming, match=hint):
        check_task(task)
