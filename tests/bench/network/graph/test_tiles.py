"""Tiles make the whole, whatever the strides, paddings, dilations and odd sizes.

Covers: bench/network/graph/rows.py

Weights and inputs are small whole numbers in float64, so sums are exact in any order, and equal means bit for bit.
"""

import random

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from bench import Sample, SeesawError
from bench.network.graph.dag import Dag
from bench.network.graph.rows import height_of, window_of
from bench.network.graph.tiles import tiled


def whole_numbers(module):
    """A module in eval mode whose weights are small whole numbers in float64."""
    generator = torch.Generator().manual_seed(0)
    module = module.double().eval()
    with torch.no_grad():
        for one in module.parameters():
            one.copy_(torch.randint(-2, 3, one.shape, generator=generator).double())
    return module


class Ends(nn.Module):
    """Maps, and a mean at the end, so that it classifies."""

    def __init__(self, maps):
        super().__init__()
        self.maps = maps

    def forward(self, x):
        return self.maps(x).mean((2, 3))


def hold(maps, shape, machines=(1, 2, 3, 5)):
    """Check that everything before the mean is the same by tiles, and gives how many operations it was."""
    torch.manual_seed(0)
    module = whole_numbers(Ends(maps))
    x = torch.randint(-3, 4, (2, *shape)).double()
    with torch.no_grad():
        expected = module.maps(x)
    dag = Dag.of(module, Sample(shape, torch.float64))
    last = next(number for number in range(len(dag.groups)) if dag.kind(number) == "mean") - 1
    for count in machines:
        assert torch.equal(tiled(dag, 1, last, x, count), expected), count
    return last


class Branches(nn.Module):
    """A residual sum and joined branches with different fields."""

    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(4, 4, 3, padding=1)
        self.b = nn.Conv2d(4, 4, (5, 1), padding=(4, 0), dilation=(2, 1))
        self.c = nn.Conv2d(4, 2, 1)
        self.pool = nn.MaxPool2d(3, 1, 1)
        self.last = nn.Conv2d(10, 3, 4, 2, padding=1)

    def forward(self, x):
        y = F.relu(self.a(x)) + x
        return self.last(torch.cat([self.b(y), self.c(self.pool(x)), y], 1))


@pytest.mark.parametrize("side", [13, 14, 17, 23])
def test_random_chains_of_layers_are_their_tiles(side):
    rng = random.Random(side)
    tried = 0
    while tried < 12:
        layers, channels, height = [], 3, side
        for _ in range(rng.randint(1, 5)):
            kernel, stride, dilation = rng.randint(1, 5), rng.randint(1, 3), rng.randint(1, 2)
            reach = dilation * (kernel - 1) + 1
            kind = rng.choice(["conv", "conv", "max", "mean", "relu"])
            padding = rng.randint(0, kernel // 2 if kind != "conv" else 3)
            if height + 2 * padding < reach:
                continue
            if kind == "conv":
                layers.append(nn.Conv2d(channels, 4, kernel, stride, padding, dilation))
                channels = 4
            elif kind == "max":
                layers.append(nn.MaxPool2d(kernel, stride, padding, ceil_mode=rng.random() < 0.5))
                height += height % stride
            elif kind == "mean":
                layers.append(nn.AvgPool2d(2, 2))
            else:
                layers.append(nn.ReLU())
            try:
                with torch.no_grad():
                    height = nn.Sequential(*layers)(torch.zeros(1, 3, side, side)).shape[2]
            except RuntimeError:
                layers.pop()
                channels = next(
                    (one.out_channels for one in reversed(layers) if isinstance(one, nn.Conv2d)), 3
                )
        if layers:
            hold(nn.Sequential(*layers), (3, side, side))
            tried += 1


@pytest.mark.parametrize("shape", [(4, 15, 11), (4, 16, 9), (4, 29, 6)])
def test_branches_and_sums_are_their_tiles(shape):
    assert hold(Branches(), shape) == 8


def test_a_padding_by_name_is_that_of_the_whole():
    hold(nn.Sequential(nn.Conv2d(3, 4, 4, padding="same"), nn.Conv2d(4, 2, 3, padding="valid")), (3, 17, 13))


def test_a_network_of_torchvision_is_its_tiles():
    from torchvision import models

    torch.manual_seed(0)
    module = models.squeezenet1_1(num_classes=10).double().eval()
    x = torch.randn(1, 3, 75, 61, dtype=torch.float64)
    with torch.no_grad():
        expected = module.features(x)
    dag = Dag.of(module, Sample((3, 75, 61), torch.float64))
    last = max(
        number for number in range(len(dag.groups)) if dag.name(number).startswith(("features", "cat"))
    )
    torch.testing.assert_close(tiled(dag, 1, last, x, 2), expected, rtol=1e-12, atol=1e-12)


def test_what_needs_whole_maps_ends_a_block():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    dag = Dag.of(module, Sample((3, 9, 9)))
    assert [window_of(dag, number) is None for number in range(1, 5)] == [False, True, True, True]
    assert [height_of(dag, number) for number in range(3)] == [9, 7, 1]
    with pytest.raises(SeesawError, match="1 needs whole maps"):
        tiled(dag, 1, 2, torch.randn(1, 3, 9, 9), 2)


def test_padding_that_no_mean_counts_is_no_tile():
    for pool in (nn.AvgPool2d(3, 1, 1, count_include_pad=False), nn.AvgPool2d(2, 2, ceil_mode=True), nn.Conv2d(3, 3, 3, padding=1, padding_mode="reflect")):  # fmt: skip
        dag = Dag.of(Ends(nn.Sequential(pool)), Sample((3, 9, 9)))
        assert window_of(dag, 1) is None
