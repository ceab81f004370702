import numpy as np
import torch

from baselines.backbones.transformer import Transformer
from baselines.codecs.float32 import Float32
from baselines.codecs.int8 import Int8
from baselines.policies.confidence import Confidence
from bench import About, Data, Recipe, Sample, Split
from bench.kinds.build import assemble
from bench.measuring.crossings import crossings
from bench.plugins.plugin import Choice
from bench.replay.exits.shipped import Shipped
from bench.testing import AllExits, TinyBackbone, TinyTask

CODECS = [Choice(Float32(), "float32", "test"), Choice(Int8(), "int8", "test")]


def test_payloads_and_accuracies_are_what_a_loop_over_samples_gives():
    task = TinyTask()
    net = assemble(TinyBackbone(), task.about(), AllExits()).eval()
    data = task.data(None, 0)
    sent = crossings(net, data, data.test, CODECS, torch.device("cpu"))
    readings = {k: one.readings for k, one in sent.items()}
    assert sorted(readings) == [0, 1, 2]
    for k in (1, 2):
        front, back = net.cut(k)
        for choice in CODECS:
            right, sizes = 0, []
            for x, label in zip(data.scale(data.test.inputs), data.test.labels, strict=True):
                with torch.no_grad():
                    feature = front(x[None])[0]
                    payload = choice.plugin.encode(feature)
                    logits = back(choice.plugin.decode(payload, tuple(feature.shape))[None])
                right += int(logits.argmax() == label)
                sizes.append(len(payload))
            assert readings[k][f"payload.{choice.name}"].value == np.median(sizes)
            assert readings[k][f"framed.{choice.name}"].value == np.median(sizes) + 12 + 4 * feature.dim()
            assert abs(readings[k][f"top1.{choice.name}"].value - right / 32) < 1e-6
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
    sent = crossings(net, data, data.test, CODECS, torch.device("cpu"), shipped)
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
    sent = crossings(net, data, split, CODECS, torch.device("cpu"))
    readings = {k: one.readings for k, one in sent.items()}
    assert readings[0]["payload.ids"].value == 2 * 5
    assert readings[0]["payload.ids"].high == (2 * 5 + 2 * 8) / 2
    assert readings[0]["framed.ids"].value == 2 * 5 + 16
    right = net(ids.long())[-1].argmax(1) == split.labels
    assert readings[0]["top1.ids"].value == float(right.double().mean())
    assert readings[1]["payload.float32"].value == 4 * 8 * 8
