"""Heads that read earlier logits, wherever the network is cut.

Covers: bench/network/forward.py
"""

import pytest
import torch
from torch import nn

from baselines.codecs.int8 import Int8
from bench import Linked, Net, Part, Sample, connected, density, hide, layers
from bench.kinds.meter import Subject
from bench.measuring.behind import crossed
from bench.measuring.crossings import crossings
from bench.measuring.meters.macs import Macs
from bench.measuring.passes import MANY, Passes
from bench.measuring.tracing import trace
from bench.testing import TinyTask


class Adding(Linked):
    """Own logits: its layer's plus a tenth of all earlier ones; the exit's logits are ten times its own."""

    def __init__(self, inputs, classes=2):
        super().__init__()
        self.own = nn.Linear(inputs, classes)

    def forward(self, x, earlier):
        return self.own(x.flatten(1)) + 0.1 * sum(earlier, start=torch.zeros(()))

    def answer(self, own, earlier):
        return 10 * own


def linked_net(heads=("linked", "plain", "linked", "linked")):
    """Four linear stages with linked heads, plain ones, or none."""
    net = Net([nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 5), nn.Linear(5, 3)], Sample((3,)), 2)
    for stage, kind in enumerate(heads):
        if kind is not None:
            width = net.shape(stage)[0]
            net.hang(stage, Adding(width) if kind == "linked" else nn.Linear(width, 2))
    return net.eval()


def by_hand(net, x):
    """Answers of a net of `linked_net`, written out."""
    answers, own_logits = [], []
    for stage in range(4):
        x = net.stages[stage](x)
        if stage not in net.exits:
            continue
        head = net.head(stage)
        if isinstance(head, Adding):
            logits = head.own(x) + 0.1 * sum(own_logits, start=torch.zeros(()))
            answers.append(10 * logits)
        else:
            logits = head(x)
            answers.append(logits)
        own_logits.append(logits)
    return answers


@pytest.mark.parametrize(
    "heads",
    [
        ("linked",) * 4,
        ("linked", "plain", "linked", "linked"),
        ("plain", None, "linked", "plain"),
        (None, None, None, "linked"),
    ],
)
def test_a_linked_head_reads_earlier_logits_wherever_the_net_is_cut(heads):
    net, x = linked_net(heads), torch.randn(7, 3)
    expected = by_hand(net, x)
    torch.testing.assert_close(net(x), expected)
    for k in range(5):
        front, back = net.cut(k)
        crossing, early = front.answers(x)
        final, late = back.answers(crossing)
        torch.testing.assert_close([*early, *late], expected)
        torch.testing.assert_close(final, expected[-1])
        torch.testing.assert_close(back(front(x)), expected[-1])
        if k < 4:
            assert tuple(crossing.shape[1:]) == net.crossing(k).joined
            torch.testing.assert_close(front(x), crossing)


def test_a_part_in_the_middle_hands_on_earlier_logits_and_those_of_its_heads():
    net, x = linked_net(), torch.randn(5, 3)
    first, middle, last = Part(net, 0, 1), Part(net, 1, 3), Part(net, 3, 4)
    torch.testing.assert_close(last(middle(first(x))), net(x)[-1])


def test_logits_cross_where_a_head_behind_reads_them_and_nowhere_else():
    net = linked_net()
    assert [net.carried(k) for k in range(5)] == [0, 1, 2, 3, 0]
    assert [net.crossing(k).joined for k in range(4)] == [(3,), (4 + 2,), (4 + 4,), (5 + 6,)]
    deaf = linked_net(("linked", "linked", "plain", "plain"))
    assert [deaf.carried(k) for k in range(5)] == [0, 1, 0, 0, 0]
    assert deaf.crossing(2).joined == (4,)


def test_a_walk_regroups_earlier_logits_with_the_samples_that_go_on():
    net, x = linked_net(), torch.randn(12, 3)
    plan = torch.arange(12) % 4
    order = []

    def leave(seen):
        left = plan if not order else order[-1]
        gone = left == len(seen) - 1
        order.append(left[~gone])
        return gone

    walk = net.walk(x, leave)
    assert walk.exits.tolist() == plan.tolist()
    expected = torch.stack(by_hand(net, x))[plan, torch.arange(12)]
    torch.testing.assert_close(walk.logits, expected)


def image_net():
    net = Net(
        [nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.Conv2d(8, 8, 3, stride=2, padding=1), nn.Flatten()],
        Sample((3, 16, 16)),
        4,
    )
    for stage in range(3):
        net.hang(stage, Adding(torch.Size(net.shape(stage)).numel(), 4))
    return net.eval()


def test_the_payload_at_a_cut_counts_earlier_logits_beside_the_feature():
    net, data = image_net(), TinyTask().data(None, 0)
    for stage in (1, 2):  # so that logits from before the cut decide
        net.head(stage).own.weight.data.mul_(1e-3)
        net.head(stage).own.bias.data.zero_()
    cpu = torch.device("cpu")
    uncut = trace(Passes(net, cpu, MANY), data, data.test, torch.zeros(3))
    sent = crossings(Passes(net, cpu, MANY), data, data.test, uncut, {k: {"int8": Int8()} for k in (1, 2)})
    readings = {k: one.readings for k, one in crossed(sent, uncut, []).items()}
    for k, carried in ((1, 1), (2, 2)):
        front, back = net.cut(k)
        right = 0
        for x, label in zip(data.scale(data.test.inputs), data.test.labels, strict=True):
            with torch.no_grad():
                crossing = front(x[None])
                feature = crossing[:, : -4 * carried].reshape(net.shape(k - 1))
                payload = Int8().encode(feature)
                decoded = Int8().decode(payload, tuple(feature.shape))
                again = torch.cat([decoded.reshape(1, -1), crossing[:, -4 * carried :]], 1)
                right += int(back(again).argmax() == label)
        own = len(payload)
        assert readings[k]["payload.int8"].value == own + 4 * 4 * carried
        assert readings[k]["framed.int8"].value == (own + 12 + 4 * 3) + (4 * 4 * carried + 12 + 4 * 2)
        assert readings[k]["top1.int8"].value == pytest.approx(right / 32)


def test_macs_and_density_of_a_linked_exit_count_every_head_it_reads():
    net = image_net()
    hide(layers(net)["heads.0.own"], torch.zeros_like(layers(net)["heads.0.own"].weight, dtype=torch.bool))
    measurement = Macs().measure(Subject(net, torch.device("cpu")))
    convolutions, heads = [8 * 27 * 64, 8 * 72 * 16, 0], [4 * 8 * 64, 4 * 8 * 16, 4 * 8 * 16]
    for number in range(3):
        upto = sum(convolutions[: number + 1]) + sum(heads[: number + 1])
        assert measurement.exits[number]["macs"].value == upto
        assert measurement.exits[number]["macs.effective"].value == upto - heads[0]
    weights = [216, 576, 0], heads
    there = weights[0][0] + weights[0][1] + heads[1]
    assert measurement.exits[1]["density"].value == pytest.approx(there / (there + heads[0]))


def test_paths_lead_through_the_heads_that_a_linked_head_reads():
    net = linked_net()
    alive = connected(net, [2])
    assert alive["heads.0.own"].all()
    assert alive["heads.1"].all()
    assert not alive["heads.3.own"].any()
    assert density(layers(net)["heads.0.own"]) == 1.0
