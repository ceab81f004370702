"""Layouts: networks that take images with channels last, and those that do not."""

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from bench.execution.lean.lean import lean_layers
from bench.kinds.build import assemble
from bench.measuring.passes import Passes
from bench.network.layout import FAST, is_unsafe, laid, laid_out, takes
from bench.network.net import Net
from bench.network.sparse.mask import hide, layers
from bench.runs.training.budget import Budget
from bench.testing import AllExits, TinyBackbone, TinyTask


class Viewed(nn.Module):
    """A stage of convolutions, one of them grouped, that flattens with `view`."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.maps = nn.Sequential(
            nn.Conv2d(channels, 8, 3, padding=1, groups=4), nn.BatchNorm2d(8), nn.ReLU()
        )

    def forward(self, x):
        maps = self.maps(x)
        return maps.view(len(maps), -1)


class ViewedBackbone(TinyBackbone):
    def stages(self, sample):
        return [
            nn.Conv2d(sample.shape[0], 8, 3, stride=2),
            Viewed(8),
            nn.Sequential(nn.LazyLinear(16), nn.ReLU()),
        ]


class ShortBackbone(TinyBackbone):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self._channels = channels

    def stages(self, sample):
        first = nn.Conv2d(sample.shape[0], self._channels, 3)
        return [
            first,
            nn.Conv2d(self._channels, 32, 1, stride=2),
            nn.Sequential(nn.Flatten(), nn.LazyLinear(8)),
        ]


def made(backbone) -> Net:
    torch.manual_seed(0)
    return assemble(backbone, TinyTask().about(), AllExits()).train()


def is_last(weight):
    return weight.is_contiguous(memory_format=FAST) and not weight.is_contiguous()


@pytest.mark.parametrize(("backbone", "last"), [(TinyBackbone(), True), (ViewedBackbone(), False)])
def test_weights_lie_as_the_network_takes_them(backbone, last):
    net = made(backbone)
    weight = next(one.weight for one in net.modules() if isinstance(one, nn.Conv2d))
    net.heads.eval()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with laid_out(net) as layout:
        assert layout is (FAST if last else torch.contiguous_format)
        assert is_last(weight) == last
        assert net.training
        assert not net.heads.training
    assert not is_last(weight)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


@pytest.mark.parametrize(("channels", "usual"), [(15, True), (16, False)])
def test_strided_1x1_convolutions_of_few_channels_see_the_usual_layout(channels, usual):
    net = made(ShortBackbone(channels))
    layer, seen = net.stages[1], []
    assert isinstance(layer, nn.Conv2d)
    layer.register_forward_hook(lambda _, inputs, out: seen.append(inputs[0].is_contiguous()))
    assert is_unsafe(layer) == usual
    with laid_out(net) as layout:
        assert layout is FAST
        net(laid(net.sample.blank(2), layout))
        assert layer.weight.stride() == ((channels, 1, 1, 1) if usual else (channels, 1, channels, channels))
    assert set(seen) == {usual}
    net(laid(net.sample.blank(2), FAST))
    assert not seen[-1]


def test_a_layer_that_is_unsafe_so_is_not_trained_lean():
    net = made(ShortBackbone(8))
    other, untouched, _ = net.stages
    for layer in layers(net).values():
        hide(layer, torch.rand_like(layer.weight) < 0.5, "sparse@0")
    with lean_layers(net):
        assert net.stages[1] is untouched
        assert net.stages[0] is not other


def test_a_network_that_flattens_with_view_is_trained_and_measured():
    net, task = made(ViewedBackbone()), TinyTask()
    data = task.data(Path(), 0)
    recipe = task.about().recipe
    exits = AllExits()
    lent = data.lent
    Budget(lent, recipe, exits.loss, 0, torch.device("cpu"))(net)
    x = data.scale(data.test.inputs)
    with torch.no_grad():
        expected = torch.stack(net(x))
    assert torch.equal(Passes(net, torch.device("cpu"), 10).logits(x), expected)


def test_what_is_no_image_is_left_as_it_is():
    x = torch.zeros(2, 3, 4).transpose(1, 2)
    assert laid(x, FAST) is x
    assert not takes(lambda x: x, x)


def test_a_failure_prints_nothing(capsys):
    def fails(x):
        print("code", file=sys.stderr)
        raise RuntimeError("view size is not compatible")

    assert not takes(fails, torch.zeros(1, 3, 4, 4))
    assert capsys.readouterr() == ("", "")
