"""Samples that cross cuts: bytes and answers of each, and what records hold of them.

Covers: bench/measuring/behind.py
"""

import numpy as np
import pytest
import torch

from baselines.backbones.transformer import Transformer
from baselines.codecs.float32 import Float32
from baselines.codecs.int8 import Int8
from baselines.policies.confidence import Confidence
from bench import About, Data, Recipe, Sample, Split
from bench.kinds.build import assemble
from bench.measuring import crossings as sending
from bench.measuring.behind import crossed
from bench.measuring.crossings import codecs_at, crossings
from bench.measuring.passes import MANY, Passes
from bench.measuring.tracing import trace
from bench.plugins.plugin import Choice
from bench.replay.exits.shipped import Shipped
from bench.testing import AllExits, TinyBackbone, TinyTask

CPU = torch.device("cpu")
CODECS = [Choice(Float32(), "float32", "test"), Choice(Int8(), "int8", "test")]


@pytest.fixture
def subject():
    """A small network of two cuts within, each stage with an exit, and its data."""
    task = TinyTask()
    return assemble(TinyBackbone(), task.about(), AllExits()).eval(), task.data(None, 0)


def measured(net, data, split, shipped=(), codecs=CODECS):
    """What was sent, and the measurements at each cut."""
    uncut = trace(Passes(net, CPU, MANY), data, split, torch.zeros(len(net.exits)))
    sent = crossings(Passes(net, CPU, MANY), data, split, uncut, codecs_at(net, split, codecs))
    return sent, crossed(sent, uncut, shipped)


def test_payloads_and_accuracies_are_what_a_loop_over_samples_gives():
    task = TinyTask()
    net = assemble(TinyBackbone(), task.about(), AllExits()).eval()
    data = task.data(None, 0)
    _, found = measured(net, data, data.test)
    readings = {k: one.readings for k, one in found.items()}
    assert sorted(readings) == [0, 1, 2]
    for k in (1, 2):
        front, back = net.cut(k)
        for choice in CODECS:
            right, alike, sizes = 0, 0, []
            for x, label in zip(data.scale(data.test.inputs), data.test.labels, strict=True):
                with torch.no_grad():
                    feature = front(x[None])[0]
                    payload = choice.plugin.encode(feature)
                    logits = back(choice.plugin.decode(payload, tuple(feature.shape))[None])
                    alone = back(feature[None])
                right += int(logits.argmax() == label)
                alike += int(logits.argmax() == alone.argmax())
                sizes.append(len(payload))
            assert readings[k][f"payload.{choice.name}"].value == np.median(sizes)
            assert readings[k][f"framed.{choice.name}"].value == np.median(sizes) + 12 + 4 * feature.dim()
            assert abs(readings[k][f"top1.{choice.name}"].value - right / 32) < 1e-6
            assert readings[k][f"agree.{choice.name}"].value == alike / 32
            assert readings[k][f"volume.{choice.name}"].value == np.mean(sizes)
    assert readings[0]["payload.image8"].value == 3 * 16 * 16


def test_of_each_policy_those_cross_who_stay_and_are_answered_by_what_arrives():
    task = TinyTask()
    net = assemble(TinyBackbone(), task.about(), AllExits()).eval()
    data, policy = task.data(None, 0), Confidence()
    x, labels = data.scale(data.test.inputs), data.test.labels
    with torch.no_grad():
        scores = policy.score(torch.stack(net(x)))
    thresholds = scores.median(1).values
    shipped = [
        Shipped("confidence", policy, 5, {"thresholds": thresholds}),
        Shipped("never", policy, 0, {"thresholds": torch.full((3,), torch.inf)}),
    ]
    _, sent = measured(net, data, data.test, shipped)
    assert sent[0].early == []
    for k in (1, 2):
        front, back = net.cut(k)
        early, never = sent[k].early
        assert (early.policy, early.point, never.policy, never.point) == ("confidence", 5, "never", 0)
        assert never.device == 0
        for choice in CODECS:
            device, payload, right = 0, 0, 0
            for one, label in zip(x, labels, strict=True):
                with torch.no_grad():
                    feature, logits = front.answers(one[None])
                    bytes_ = choice.plugin.encode(feature[0])
                    arrived = choice.plugin.decode(bytes_, tuple(feature.shape[1:]))[None]
                    logits = [*logits, *back.answers(arrived)[1]]
                ready = policy.score(torch.stack(logits))[:, 0] >= thresholds
                place = next((n for n in range(2) if ready[n]), 2)
                device += place < k
                payload += 0 if place < k else len(bytes_)
                right += int(logits[place].argmax() == label)
            behind = early.behind[choice.name]
            assert 0 < device < 32
            assert (early.device, behind.payload, behind.right) == (device, payload, right)
            assert behind.framed == payload + (32 - device) * (12 + 4 * len(net.shapes[k - 1]))
            assert never.behind[choice.name].right == round(
                sent[k].readings[f"top1.{choice.name}"].value * 32
            )


def test_a_text_is_sent_as_its_token_ids_without_padding():
    sample = Sample((8,), torch.int64, 300)
    backbone = Transformer(layers=2, width=8, heads=2)
    net = assemble(backbone, About(2, sample, Recipe(epochs=1)), AllExits()).eval()
    ids = torch.tensor([[1, 290, 2, 0, 0, 0, 0, 0], [1, 5, 0, 7, 2, 0, 0, 0], [1] * 8], dtype=torch.int16)
    split = Split(ids, torch.tensor([0, 1, 1]))
    data = Data(split, split, split, torch.Tensor.long)
    readings = {k: one.readings for k, one in measured(net, data, split)[1].items()}
    assert readings[0]["payload.ids"].value == 2 * 5
    assert readings[0]["payload.ids"].high == (2 * 5 + 2 * 8) / 2
    assert readings[0]["framed.ids"].value == 2 * 5 + 16
    right = net(ids.long())[-1].argmax(1) == split.labels
    assert readings[0]["top1.ids"].value == float(right.double().mean())
    assert readings[1]["payload.float32"].value == 4 * 8 * 8


def test_what_each_sample_costs_and_how_it_is_answered_is_kept(subject):
    net, data = subject
    sent, found = measured(net, data, data.test)
    tensors = sent.tensors()
    assert tensors["samples"].tolist() == list(range(32))
    with torch.no_grad():
        whole = torch.stack(net(data.scale(data.test.inputs)))
    for k in (0, 1, 2):
        codecs = [name.removeprefix("payload.") for name in found[k].readings if name.startswith("payload.")]
        assert codecs == list(sent.sent[k])
        for name in codecs:
            payload = tensors[f"{k}/{name}/bytes"]
            assert float(payload.double().median()) == found[k].readings[f"payload.{name}"].value
            assert len(set((tensors[f"{k}/{name}/framed"] - payload).tolist())) == 1
            assert tensors[f"{k}/{name}/answers"].shape == (3 - net.local(k), 32)
    assert torch.equal(tensors["1/float32/answers"], whole[net.local(1) :].argmax(2).to(torch.int16))


def test_a_codec_that_changes_little_is_sent_a_part_and_one_that_changes_much_all(subject, monkeypatch):
    net, data = subject
    monkeypatch.setattr(sending, "LEAST_SENT", 8)
    monkeypatch.setattr(sending, "BATCH", 4)
    monkeypatch.setattr(sending, "TIGHT", 0.25)

    class Deaf(Float32):
        def decode(self, payload, shape):
            return -super().decode(payload, shape)

    codecs = [*CODECS, Choice(Deaf(), "deaf", "test")]
    with torch.no_grad():
        for bias in (p for name, p in net.heads.named_parameters() if name.endswith("bias")):
            bias.zero_()  # so that answers hang on features
        answers = net(data.scale(data.test.inputs))[-1].argmax(1)
    wrong = torch.arange(32) % 8 == 0
    split = Split(data.test.inputs, torch.where(wrong, (answers + 1) % 3, answers))
    sent, found = measured(net, data, split, codecs=codecs)
    own = (~wrong).double()
    for k in (1, 2):
        sizes = {name: len(one.payload) for name, one in sent.sent[k].items()}
        assert sizes["float32"] == 8
        assert sizes["deaf"] == 32
        for name, size in sizes.items():
            rows = sent.samples[:size]
            there = (sent.sent[k][name].answers[-1] == split.labels[rows]).double()
            reading = found[k].readings[f"top1.{name}"]
            assert reading.n == size
            assert abs(reading.value - (own.mean() + there.mean() - own[rows].mean())) < 1e-9
    assert sorted(sent.samples.tolist()) == list(range(32))
    assert sent.samples.tolist() != list(range(32))
    tensors = sent.tensors()
    assert tensors["samples"].tolist() == sorted(sent.samples[:8].tolist())
    place = tensors["samples"].tolist().index(int(sent.samples[3]))
    assert tensors["1/deaf/answers"][-1, place] == sent.sent[1]["deaf"].answers[-1, 3]


def test_of_a_policy_the_part_that_was_sent_is_counted(subject, monkeypatch):
    net, data = subject
    monkeypatch.setattr(sending, "LEAST_SENT", 8)
    monkeypatch.setattr(sending, "BATCH", 8)
    monkeypatch.setattr(sending, "TIGHT", 1.0)
    never = Shipped("never", Confidence(), 0, {"thresholds": torch.full((3,), torch.inf)})
    sent, found = measured(net, data, data.test, [never])
    (early,) = found[1].early
    uncut = trace(Passes(net, CPU, MANY), data, data.test, torch.zeros(3))
    own = uncut.logits[-1].argmax(1) == data.test.labels
    for name, behind in early.behind.items():
        assert (behind.samples, behind.device, early.crossing(name, 32)) == (8, 0, 8)
        assert behind.uncut == int(own[sent.samples[:8]].sum())
        expected = found[1].readings[f"top1.{name}"].value
        assert abs(early.accuracy(name, 32, int(own.sum())) - expected) < 1e-9
