"""Gathered products against the layers that they stand for."""

import copy

import pytest
import torch
from torch import nn

from bench import Method, Net, Sample, hide
from bench.execution import native
from bench.execution.backends import Way
from bench.execution.fast import fast
from bench.execution.gathered import GatheredConv, GatheredLinear, gather, gathers
from bench.network.net import Part
from bench.plugins.plugin import choose
from bench.testing import AllExits, trained


def small(layer, sample):
    net = Net([layer], Sample(sample), 3)
    net.hang(0, nn.Sequential(nn.Flatten(), nn.LazyLinear(3)))
    net(net.sample.blank())
    return net.eval()


def gathered(net):
    """A copy with gathered layers."""
    twin = copy.deepcopy(net)
    gather(twin, {})
    return twin


def masked_linear(mask, *, bias=True):
    layer = nn.Linear(mask.shape[1], mask.shape[0], bias=bias)
    hide(layer, mask)
    return layer


def rows_reading(*supports, columns=12):
    mask = torch.zeros(len(supports), columns, dtype=torch.bool)
    for row, support in zip(mask, supports, strict=True):
        row[list(support)] = True
    return mask


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    "supports",
    [
        [(0, 3, 5), (1, 2), (0, 3, 5), (1, 2)],
        [(0, 3, 5), (1, 2), (0, 3, 5)],
        [(7,), (), (7,), ()],
        [(11, 2), (2, 11), (2, 11), (0,)],
    ],
)
def test_a_linear_layer_of_few_supports_gives_the_same(supports, bias):
    net = small(masked_linear(rows_reading(*supports), bias=bias), (12,))
    other = gathered(net)
    assert isinstance(other.stages[0], GatheredLinear)
    for count in (1, 7):
        x = torch.randn(count, 12)
        torch.testing.assert_close(other(x), net(x))
    assert isinstance(net.stages[0], nn.Linear)


def test_a_linear_layer_maps_every_place_of_a_sequence():
    layer = masked_linear(rows_reading((0, 1), (4, 5), (0, 1), (4, 5)))
    other = gathered(small(layer, (12,))).stages[0]
    x = torch.randn(3, 5, 12)
    torch.testing.assert_close(other(x), layer(x))


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("bias", [True, False])
def test_a_convolution_of_few_supports_gives_the_same(kernel, stride, bias):
    layer = nn.Conv2d(12, 6, kernel, stride=stride, padding=kernel // 2, bias=bias)
    mask = rows_reading((0, 3, 5), (1, 2), (0, 3, 5), (), (1, 2), ())
    hide(layer, mask[:, :, None, None].expand(-1, -1, kernel, kernel))
    net = small(layer, (12, 9, 7))
    other = gathered(net)
    assert isinstance(other.stages[0], GatheredConv)
    x = torch.randn(2, 12, 9, 7)
    torch.testing.assert_close(other(x), net(x), rtol=1e-4, atol=1e-5)


def test_what_saves_nothing_stays_as_it_is():
    everywhere_else = masked_linear(torch.rand(16, 64) < 0.5)
    taps = nn.Conv2d(4, 8, 3)
    mask = torch.zeros(8, 4, 3, 3, dtype=torch.bool)
    mask[..., 1, 1] = True
    hide(taps, mask)
    in_groups = nn.Conv2d(8, 8, 1, groups=4)
    hide(in_groups, torch.eye(8, 2, dtype=torch.bool)[:, :, None, None])
    for layer, sample in ((everywhere_else, (64,)), (taps, (4, 9, 9)), (in_groups, (8, 5, 5))):
        net = small(layer, sample)
        assert not gathers(net)
        assert gathered(net).stages[0].__class__ is layer.__class__


@pytest.mark.parametrize("method", ["shared", "block", "group"])
def test_where_no_chain_runs_gathered_products_are_among_the_ways(method, monkeypatch):
    net, _ = trained(choose(Method, f"{method}[nearest=true]").plugin, AllExits())
    net.eval()
    x, offered = torch.randn(5, 3, 16, 16), {}

    monkeypatch.setattr(
        "bench.execution.backends.Way", lambda *fields: offered.setdefault(fields[0], Way(*fields))
    )
    fast(net.whole(), x)
    assert not any("gathered" in name for name in offered) or native.why_no_kernels() is not None
    fast(net.whole(), x, chains=False)
    assert {f"gathered products, channels {end}" for end in ("first", "last")} <= set(offered)
    with torch.no_grad():
        expected = Part(net, 0, 3).run(x)
        for name, way in offered.items():
            if "native" not in name:
                outputs = way.prepare(Part(net, 0, 3), x)(x)
                torch.testing.assert_close(outputs, expected, rtol=1e-4, atol=1e-5)
