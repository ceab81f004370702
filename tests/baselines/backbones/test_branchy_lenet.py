"""BranchyNet's LeNet on 28x28 images, as its published code builds it."""

import torch
import torch.nn.functional as F
from torch import nn

from bench import About, Backbone, Exits, Recipe, Sample
from bench.kinds.build import assemble
from bench.network.macs import Tariff
from bench.plugins.plugin import choose

ABOUT = About(10, Sample((1, 28, 28)), Recipe(epochs=1))


def published():
    backbone, exits = (
        choose(Backbone, "branchy-lenet").plugin,
        choose(Exits, "joint[at=0,weights=1:0.3]").plugin,
    )
    return assemble(backbone, ABOUT, exits).eval()


def test_layers_are_those_of_the_published_code():
    net = published()
    convolutions = [m for m in net.stages.modules() if isinstance(m, nn.Conv2d)]
    shapes = [(c.in_channels, c.out_channels, c.kernel_size, c.stride, c.padding) for c in convolutions]
    assert shapes == [(i, o, (5, 5), (1, 1), (3, 3)) for i, o in ((1, 5), (5, 10), (10, 20))]
    linear = [(m.in_features, m.out_features) for m in net.modules() if isinstance(m, nn.Linear)]
    assert sorted(linear) == [(84, 10), (640, 10), (720, 84)]
    branch = next(m for m in net.head(0).modules() if isinstance(m, nn.Conv2d))
    assert (branch.in_channels, branch.out_channels, branch.kernel_size) == (5, 10, (3, 3))
    assert net.exits == (0, 3)


def test_both_exits_compute_what_the_published_network_does():
    net, x = published(), torch.randn(3, 1, 28, 28)
    a, b, c = (stage[0] for stage in net.stages[:3])
    branch, early = net.head(0)[0], net.head(0)[4]
    first = F.relu(F.max_pool2d(F.conv2d(x, a.weight, a.bias, padding=3), 2, ceil_mode=True))
    side = F.relu(F.max_pool2d(F.conv2d(first, branch.weight, branch.bias, padding=1), 2, ceil_mode=True))
    second = F.relu(F.max_pool2d(F.conv2d(first, b.weight, b.bias, padding=3), 2, ceil_mode=True))
    third = F.relu(F.max_pool2d(F.conv2d(second, c.weight, c.bias, padding=3), 2, ceil_mode=True))
    hidden = F.linear(third.flatten(1), net.stages[3][1].weight, net.stages[3][1].bias)
    expected = [F.linear(side.flatten(1), early.weight, early.bias)]
    expected.append(F.linear(hidden, net.head(3).weight, net.head(3).bias))
    torch.testing.assert_close(net(x), expected)


def test_its_cost_counts_the_branch():
    tariff = Tariff.of(published())
    first, branch = 30 * 30 * 5 * 25, 15 * 15 * 10 * 45 + 640 * 10
    rest = 17 * 17 * 10 * 125 + 11 * 11 * 20 * 250 + 720 * 84 + 84 * 10
    assert tariff.upto(0, effective=False) == first + branch
    assert tariff.upto(3, effective=False) == first + branch + rest
