"""Layers that give the largest of their sums at once: the same answers in less room, and only where windows are apart."""

import numpy as np
import pytest
import torch
from torch import nn

from bench import Net, Sample, hide
from bench.execution.program.program import Affine, Each
from bench.shipping.c import program
from bench.shipping.c.code import code_of
from bench.shipping.c.host import compiled

pytestmark = pytest.mark.usefixtures("c_compiler")


def net_of(*layers, side=12, density=1.0):
    """Layers and a classifier, with a share of the convolutions' weights."""
    stage = nn.Sequential(*layers)
    for layer in stage.modules():
        if isinstance(layer, nn.Conv2d) and density < 1:
            hide(layer, torch.rand(layer.weight.shape) < density)
    with torch.no_grad():
        size = stage(torch.zeros(1, 2, side, side)).numel()
    net = Net([stage, nn.Flatten()], Sample((2, side, side)), 3)
    net.hang(1, nn.Linear(size, 3))
    return net.eval()


APART = [
    net_of(nn.Conv2d(2, 5, 3), nn.ReLU(), nn.MaxPool2d(2)),
    net_of(nn.Conv2d(2, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(3)),
    net_of(nn.Conv2d(2, 5, 3, stride=2, padding=1), nn.MaxPool2d(2), density=0.4),
    net_of(nn.Conv2d(2, 8, 3, groups=2), nn.MaxPool2d((1, 2)), nn.Conv2d(8, 4, 1), nn.MaxPool2d((5, 1))),
]
OTHER = [
    net_of(nn.Conv2d(2, 5, 3), nn.ReLU(), nn.MaxPool2d(3, 2), side=11),  # windows overlap
    net_of(
        nn.Conv2d(2, 5, 3), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True), side=11
    ),  # a window hangs over the edge
    net_of(nn.ReLU(), nn.MaxPool2d(2)),  # no layer
]


def whole(net, monkeypatch):
    """The part's program with nothing taken together."""
    with monkeypatch.context() as patch:
        patch.setattr(program, "pooled", lambda one: one)
        return program.part_program(net.whole())


@pytest.mark.parametrize("net", APART)
def test_a_layer_and_its_pool_are_one_step_in_less_room(net, monkeypatch):
    apart, together = whole(net, monkeypatch), program.part_program(net.whole())
    pools = [step for step in apart.stretches[0] if isinstance(step, Each) and step.largest]
    assert pools
    assert not [step for step in together.stretches[0] if isinstance(step, Each)]
    windows = [
        len(step.window)
        for step in together.stretches[0]
        if isinstance(step, Affine) and step.window is not None
    ]
    assert windows == [step.sources.shape[1] for step in pools]
    assert together.size < apart.size
    assert sum(step.macs for step in together.stretches[0] if isinstance(step, Affine)) <= sum(
        step.macs for step in apart.stretches[0] if isinstance(step, Affine)
    )


@pytest.mark.parametrize("net", APART)
@pytest.mark.parametrize("is_int", [False, True])
def test_its_answers_are_those_of_layer_and_pool(net, is_int):
    x = torch.randn(16, *net.sample.shape)
    code = code_of(net.whole(), "", {}, x if is_int else None)
    with torch.no_grad():
        theirs = net(x)[0].numpy()
    with compiled(code, 3, ("-O1", "-fsanitize=undefined", "-fno-sanitize-recover=all")) as host:
        ours = np.stack([host.run(one.numpy()).logits[0] for one in x])
    if is_int:
        assert np.array_equal(ours, code.ints.run(x.numpy())[0][0])
    assert np.abs(ours - theirs).max() < (0.06 if is_int else 1e-5) * np.abs(theirs).max()


@pytest.mark.parametrize("net", OTHER)
def test_what_is_no_grid_of_windows_stays_as_it_is(net, monkeypatch):
    steps = program.part_program(net.whole()).stretches[0]
    assert [type(one) for one in steps] == [type(one) for one in whole(net, monkeypatch).stretches[0]]


def test_a_pool_of_what_is_no_number_gives_none(monkeypatch):
    net = net_of(nn.Conv2d(2, 2, 1), nn.MaxPool2d(2), side=2)
    x = np.ones((2, 2, 2), np.float32)
    with compiled(code_of(net.whole(), "", {}), 3) as host:
        for place in np.ndindex(x.shape[1:]):
            wrong = x.copy()
            wrong[0][place] = np.nan
            assert np.isnan(host.run(wrong).logits).all()
            assert np.isfinite(host.run(x).logits).all()
