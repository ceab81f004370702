import itertools

import pytest
import torch
from torch import nn

from baselines.backbones.mlp import Mlp
from baselines.backbones.spiking import Spiking
from bench.kinds.build import assemble
from bench.kinds.meter import Subject
from bench.measuring.meters.spikes import Spikes, operations
from bench.network.macs import Tariff
from bench.network.sparse.mask import hide
from bench.testing import check_meter
from bench.testing.tiny import AllExits, TinyTask

CPU = torch.device("cpu")


def by_hand(layer, x):
    """Pairs of an input that is not zero and a weight that exists, one by one, for a convolution of stride and padding."""
    found, (out, each, high, wide) = 0, layer.weight.shape
    (sy, sx), (py, px), (dy, dx) = layer.stride, layer.padding, layer.dilation
    n, _, height, width = x.shape
    rows = (height + 2 * py - dy * (high - 1) - 1) // sy + 1
    columns = (width + 2 * px - dx * (wide - 1) - 1) // sx + 1
    for b, o, row, column, c, i, j in itertools.product(
        *map(range, (n, out, rows, columns, each, high, wide))
    ):
        y, z = row * sy + i * dy - py, column * sx + j * dx - px
        inside = 0 <= y < height and 0 <= z < width
        channel = o // (out // layer.groups) * each + c
        found += inside and bool(x[b, channel, y, z] != 0) and bool(layer.weight[o, c, i, j] != 0)
    return found


@pytest.mark.parametrize("groups", [1, 2])
def test_operations_are_those_counted_one_by_one(groups):
    torch.manual_seed(0)
    layer = nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=groups)
    hide(layer, torch.rand(layer.weight.shape) < 0.5)
    x = (torch.rand(2, 4, 5, 6) < 0.3).float()
    assert operations(layer, x) == by_hand(layer, x)
    linear = nn.Linear(7, 5)
    hide(linear, torch.rand(5, 7) < 0.5)
    ones = (torch.rand(3, 2, 7) < 0.4).float()
    assert operations(linear, ones) == sum(
        float(one @ (linear.weight != 0).float().sum(0)) for one in ones.flatten(0, 1)
    )


def subject(backbone, inputs):
    net = assemble(backbone, TinyTask().about(), AllExits()).eval()
    return net, Subject(net, CPU, inputs=lambda: inputs)


def test_additions_and_macs_are_told_apart_by_what_layers_take():
    torch.manual_seed(1)
    x = 2 * torch.rand(40, *TinyTask().about().sample.shape)
    net, measured_from = subject(Spiking(steps=5), x)
    found, tariff = Spikes().measure(measured_from), Tariff.of(net)
    heads = [tariff.heads[stage][0] for stage in net.exits]
    with torch.no_grad():
        features = [x]
        for stage in net.stages:
            features.append(stage(features[-1]))
    for number, stage in enumerate(net.exits):
        readings = found.exits[number]
        # The first layer and the heads take no zeros and ones.
        assert readings["macs.analog"].value == tariff.stages[0][0] + sum(heads[: number + 1])
        ones = sum(float(one.sum()) for one in features[1 : stage + 2]) / 40
        assert readings["spikes"].value == pytest.approx(ones)
        joules = 0.9e-12 * readings["synops"].value + 4.6e-12 * readings["macs.analog"].value
        assert readings["energy.horowitz45-spikes-v1"].value == pytest.approx(joules)
        assert readings["energy.horowitz45-spikes-v1"].source == "modelled, horowitz45-spikes-v1"
    last = net.stages[-1].layers[1]
    spikes = features[-2].unflatten(1, (5, -1)).flatten(0, 1).flatten(1)
    by_last = found.exits[2]["synops"].value - found.exits[1]["synops"].value
    assert by_last == pytest.approx(float(spikes.sum()) * last.out_features / 40)
    assert found.cuts[1]["spikes"].value == pytest.approx(float(features[1].sum()) / 40)
    assert 0 < found.exits[2]["synops"].value < sum(one[0] for one in tariff.stages[1:])


def test_a_network_that_does_not_spike_has_a_reason_instead():
    _, measured_from = subject(Mlp(widths=(8, 8)), torch.rand(4, *TinyTask().about().sample.shape))
    found = Spikes().measure(measured_from)
    assert not found.exits
    assert "no stage gives zeros and ones" in found.absent["spikes"]


def test_it_is_a_meter_like_any_other():
    check_meter(Spikes())
