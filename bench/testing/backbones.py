"""The contract of every backbone, as a check."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from bench.kinds.backbone import Backbone
from bench.network.macs import Tariff
from bench.network.net import Net, Sample
from bench.shipping.packed.pack import pack, restore
from bench.testing.facts import Facts
from bench.testing.tiny import CLASSES


def check_backbone(backbone: Backbone, sample: Sample | None = None, classes: int = CLASSES) -> list[str]:
    """Check that stages fit, cuts agree with the whole, every parameter trains, and `width` is obeyed (or refused: `narrows`)."""
    facts, sample = Facts(), sample or backbone.example
    torch.manual_seed(0)
    stages, own = backbone.parts(sample, classes)
    net = Net(stages, sample, classes)
    for stage, shape in enumerate(net.shapes):
        last = own if stage == len(stages) - 1 else None
        net.hang(stage, last or backbone.head(shape, classes))
    facts.hold(len(net.stages) >= 1, "it has stages, each takes what the one before gives")
    x = _inputs(sample, 3)
    loss = torch.stack(net.train()(x)).square().sum()
    loss.backward()
    idle = [name for name, p in net.named_parameters() if p.grad is None]
    facts.hold(not idle, "every parameter gets a gradient", f"These do not: {', '.join(idle[:3])}.")
    net.eval()
    with torch.no_grad():
        whole = net(x)
        if sample.vocabulary:
            less = net(x[1:, :-1])[-1]
            facts.hold(
                torch.allclose(less, whole[-1][1:], atol=1e-4),
                "a text answers alike with less padding behind it",
            )
        facts.hold(all(one.shape == (3, classes) for one in whole), "every exit gives (N, classes)")
        alone = torch.cat([net(one[None])[-1] for one in x])
        facts.hold(
            torch.allclose(alone, whole[-1], atol=1e-4), "in eval mode a sample does not feel its batch"
        )
        for k in range(len(net.stages) + 1):
            front, back = net.cut(k)
            same_behind_cut(facts, back(front(x)), whole[-1], k)
        facts.append("back(front(x)) is the whole, at every cut")
        walk = net.walk(x, lambda logits: torch.zeros(logits.shape[1], dtype=torch.bool))
        facts.hold(
            torch.equal(walk.logits, whole[-1]), "a walk that never leaves gives the last exit's logits"
        )
    tariff = Tariff.of(net)
    facts.hold(tariff.upto(len(net.stages) - 1, effective=False) > 0, "its MACs can be counted")
    twin = copy.deepcopy(net)
    data = pack(net, "dense")
    assert data is not None
    restore(twin, data)
    same = all(torch.equal(a, b) for a, b in zip(twin(x), whole, strict=True))
    facts.hold(same, "packed and unpacked it answers the same")
    if not backbone.narrows:
        return facts
    half = type(backbone).model_validate(backbone.model_dump() | {"width": backbone.width / 2})
    narrow = sum(p.numel() for stage in half.stages(sample) for p in stage.parameters())
    full = sum(p.numel() for p in net.stages.parameters())
    facts.hold(narrow < 0.75 * full, "half the width has clearly fewer parameters", "Use self.scaled(...).")
    return facts


def _inputs(sample: Sample, count: int) -> Tensor:
    """Random inputs; texts of several lengths, padded."""
    if sample.dtype.is_floating_point:
        return torch.randn(count, *sample.shape)
    if not sample.vocabulary:
        return sample.blank(count)
    ids = torch.randint(1, sample.vocabulary, (count, *sample.shape))
    return ids * (torch.arange(sample.shape[0]) < sample.shape[0] - torch.arange(count)[:, None])


def same_behind_cut(facts: Facts, logits: Tensor, expected: Tensor, k: int) -> None:
    """Check that the logits of the part behind cut k are those of the whole network."""
    if not torch.allclose(logits, expected, atol=1e-5):
        facts.hold(False, f"back(front(x)) is the whole at cut {k}")
