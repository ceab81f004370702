"""Filters, channels and factors against independent implementations, and the paths that weights lie on.

Covers: baselines/methods/depgraph.py, baselines/methods/filters.py, baselines/methods/monarch.py
"""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from baselines.methods.depgraph import without as without_channels
from baselines.methods.filters import without
from baselines.methods.monarch import Factors
from bench import (
    Backbone,
    Net,
    Sample,
    SeesawError,
    choose,
    connected,
    hide,
    layers,
    mask_of,
    maskable,
)
from bench.kinds.build import assemble
from bench.kinds.exits import Exits
from bench.testing import TinyTask
from tests.baselines.methods.plain import budget, method, network


def chain():
    """Three convolutions and two linear layers, one after another."""
    torch.manual_seed(1)
    stages = [
        nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU()),
        nn.Sequential(nn.Conv2d(6, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)),
        nn.Sequential(nn.Conv2d(8, 10, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(40, 12), nn.ReLU()),
    ]
    net = Net(stages, Sample((1, 4, 4)), 5)
    net.hang(2, nn.Linear(12, 5))
    return net


def resnet():
    torch.manual_seed(1)
    exits = choose(Exits, "single").plugin
    return assemble(choose(Backbone, "resnet[depth=8]").plugin, TinyTask().about(), exits)


def test_filters_take_their_columns_in_the_next_layer_with_them():
    """The procedure of Li et al. 2017, section 3.1, written out for a chain of layers."""
    net = chain()
    names = list(maskable(net))
    masks = without(net, connected(net), names, 0.5)
    lost = {}
    for name in names:
        sums = (
            layers(net)[name].weight.detach().abs().numpy().reshape(len(layers(net)[name].weight), -1).sum(1)
        )
        lost[name] = np.argsort(sums, kind="stable")[: round(0.5 * len(sums))]
    expected = {name: np.ones(layer.weight.shape, dtype=bool) for name, layer in layers(net).items()}
    for name, rows in lost.items():
        expected[name][rows] = False
    conv2, conv3, linear = names
    expected[conv3][:, lost[conv2]] = False
    for channel in lost[conv3]:
        expected[linear][:, channel * 4 : channel * 4 + 4] = False
    expected["heads.2"][:, lost[linear]] = False
    for name, mask in masks.items():
        assert np.array_equal(mask.numpy(), expected[name]), name


def test_taps_that_see_only_padding_are_no_filters():
    """On one pixel a kernel of nine has one tap that ever sees it; the density asks for filters all the same."""
    torch.manual_seed(1)
    stages = [nn.Conv2d(1, 6, 3, padding=1), nn.Conv2d(6, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)]
    net = Net([*stages, nn.Sequential(nn.Flatten(), nn.Linear(8, 6))], Sample((1, 1, 1)), 5)
    net.hang(3, nn.Linear(6, 5))
    masks = method("filters[density=0.25]").masks(net)
    sparse = [masks[name] for name in maskable(net)]
    assert sum(int(m.sum()) for m in sparse) / sum(m.numel() for m in sparse) == pytest.approx(0.25, abs=0.1)
    for mask in masks.values():  # rows and columns alone
        pairs = mask.reshape(*mask.shape[:2], -1)
        assert torch.equal(pairs.any(2), pairs.all(2))


def test_a_layer_that_a_shortcut_adds_to_keeps_its_filters():
    net = resnet()
    masks = method("filters[density=0.25]").masks(net)
    for name in maskable(net):
        rows = masks[name].flatten(1).any(1)
        if name.endswith("conv2"):
            assert bool(rows.all()), name
    assert any(not bool(masks[name].flatten(1).any(1).all()) for name in masks)


@pytest.mark.parametrize("name", ["filters", "depgraph"])
@pytest.mark.parametrize("density", [0.5, 0.25, 0.1])
def test_a_smaller_dense_network_gives_what_the_masked_one_gives(name, density):
    """What channel pruning is for: cut out the rows and columns that are left, and nothing changes."""
    net = chain()
    for place, mask in method(f"{name}[density={density}]").masks(net).items():
        hide(layers(net)[place], mask)
    net.eval()
    x = torch.randn(3, 1, 4, 4)
    whole = [layers(net)[name] for name in layers(net)]
    small, alive = x, torch.arange(1)
    convs, linears = whole[:3], whole[3:]
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    for number, conv in enumerate(convs):
        rows = conv.weight.flatten(1).any(1).nonzero()[:, 0]
        small = F.conv2d(small, conv.weight[rows][:, alive], conv.bias[rows], padding=1)
        if number < 2:
            norm = norms[number]
            small = F.batch_norm(
                small, norm.running_mean[rows], norm.running_var[rows], norm.weight[rows], norm.bias[rows]
            )
        small = F.relu(small)
        small = F.max_pool2d(small, 2) if number == 1 else small
        alive = rows
    columns = (alive[:, None] * 4 + torch.arange(4)).flatten()
    small = small.flatten(1)
    rows = linears[0].weight.any(1).nonzero()[:, 0]
    small = F.relu(F.linear(small, linears[0].weight[rows][:, columns], linears[0].bias[rows]))
    small = F.linear(small, linears[1].weight[:, rows], linears[1].bias)
    torch.testing.assert_close(small, net(x)[-1], atol=1e-5, rtol=1e-5)
    kept = sum(int(mask_of(layer).sum()) for layer in maskable(net).values())
    assert kept / sum(layer.weight.numel() for layer in maskable(net).values()) == pytest.approx(
        density, abs=0.06
    )


def test_depgraph_hides_what_the_library_would_cut_out():
    import torch_pruning as tp

    net, twin = chain(), chain()
    masks = without_channels(net, *method("depgraph").ranked(net, None), 0.4)
    able = maskable(twin).values()
    tp.pruner.BasePruner(
        twin.eval(),
        torch.zeros(1, 1, 4, 4),
        importance=tp.importance.GroupMagnitudeImportance(p=2),
        pruning_ratio=0.4,
        global_pruning=True,
        max_pruning_ratio=0.98,
        ignored_layers=[layer for layer in layers(twin).values() if layer not in set(able)],
    ).step()
    for name, layer in layers(net).items():
        left = layer.weight.detach()[masks[name]]
        assert torch.equal(left, layers(twin)[name].weight.detach().flatten()), name


def test_depgraph_ranks_channels_that_a_depthwise_layer_passes_on():
    net = assemble(
        choose(Backbone, "mobilenet[width=0.25]").plugin, TinyTask().about(), choose(Exits, "single").plugin
    )
    masks = method("depgraph[density=0.25]").masks(net)
    expanded = 0
    for name, layer in layers(net).items():
        rows = masks[name].flatten(1)
        if getattr(layer, "groups", 1) > 1:
            expanded += int((~rows.any(1)).sum())
            assert bool((rows.any(1) == rows.all(1)).all()), "whole channels"
    assert expanded > 0
    kept = [masks[name] for name in maskable(net)]
    density = sum(int(mask.sum()) for mask in kept) / sum(mask.numel() for mask in kept)
    assert density == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize(("inputs", "outputs"), [(16, 16), (64, 64), (48, 32), (32, 48), (7, 5)])
@pytest.mark.parametrize("inner", [1, 2, 4])
def test_monarch_factors_are_p_l_p_r(inputs, outputs, inner):
    """The matrix that the module stands for, against the product of block-diagonal matrices and a permutation."""
    torch.manual_seed(0)
    layer = Factors(nn.Linear(inputs, outputs), inner)
    blocks, width = layer.blocks, layer.right.weight.shape[0]
    right = torch.block_diag(*layer.right.weight.detach()[:, :, 0].split(width // blocks))
    left = torch.block_diag(*layer.left.weight.detach()[:, :, 0].split(outputs // blocks))
    order = [b * (width // blocks) + i for i in range(width // blocks) for b in range(blocks)]
    matrix = left @ torch.eye(width)[order] @ right
    x = torch.randn(4, inputs)
    torch.testing.assert_close(layer(x), x @ matrix.T + layer.left.bias, atol=1e-5, rtol=1e-4)
    assert bool((matrix != 0).all())  # every input reaches every output
    assert width <= max(inputs, outputs, inner)
    weights = layer.right.weight.numel() + layer.left.weight.numel()
    assert weights == inner * (inputs + outputs)
    torch.testing.assert_close(layer(x[None])[0], layer(x))


def test_monarch_of_a_square_layer_has_the_papers_count():
    """2 n sqrt(n) weights with sqrt(n) blocks of sqrt(n) x sqrt(n)."""
    n = 64
    chosen = method(f"monarch[density={2 / math.sqrt(n)}]")
    layer = Factors(nn.Linear(n, n), chosen.inner((n, n)))
    assert layer.blocks == 8
    assert layer.right.weight.numel() + layer.left.weight.numel() == 2 * n * 8


def test_monarch_names_the_nearest_feasible_densities():
    with pytest.raises(SeesawError, match=r"nearest feasible are 0.125 and 0.1875"):
        method("monarch[density=0.15,nearest=false]").inner((32, 32))
    with pytest.raises(SeesawError, match=r"stages\.1\.0: density"):
        method("monarch[density=0.15,nearest=false]").replace(chain())


def test_a_layer_too_small_for_two_factors_stays():
    net = network()  # 6 -> 8 -> 5: even one channel between is (8 + 5) / 40 of the second layer
    method("monarch[density=0.05]").replace(net)
    assert type(net.stages[0][0]) is Factors
    tiny = Net([nn.Linear(6, 2), nn.Linear(2, 2)], Sample((6,)), 2)
    tiny.hang(1, nn.Linear(2, 2))
    method("monarch[density=0.05]").replace(tiny)
    assert [type(stage) for stage in tiny.stages] == [Factors, nn.Linear]


@pytest.mark.parametrize("kaiming", [False, True])
@pytest.mark.parametrize("stride", [1, 2])
def test_monarch_starts_as_wide_as_the_layer_it_replaces(stride, kaiming):
    torch.manual_seed(0)
    whole = nn.Conv2d(32, 64, 3, stride=stride, padding=1, bias=False)
    if kaiming:
        nn.init.kaiming_normal_(whole.weight, mode="fan_out", nonlinearity="relu")
    factors = Factors(whole, 8)
    x = torch.randn(8, 32, 8, 8)
    assert factors(x).shape == whole(x).shape
    assert float((factors(x).std() / whole(x).std()).detach()) == pytest.approx(1, abs=0.2)


def test_nothing_of_training_stays_in_the_network():
    for spec in ("movement", "n-m", "patterns"):
        net = network()
        method(spec).fit(net, budget(epochs=2))
        assert {key.rpartition(".")[2] for key in net.state_dict()} <= {"weight", "bias", "weight_mask"}


def test_a_library_that_is_not_there_is_told_before_training(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch_pruning", None)
    train = budget()
    with pytest.raises(SeesawError, match=r"pip install 'seesaw-bench\[depgraph\]'"):
        method("depgraph").fit(chain(), train)
    assert train.at == 0


def test_connected_weights_lie_on_a_path_by_a_search_through_the_graph():
    """Every unit a node, every weight an edge: those that both the input and an exit can be reached from."""
    for seed in range(20):
        torch.manual_seed(seed)
        net = Net([nn.Sequential(nn.Linear(5, 6), nn.ReLU()), nn.Linear(6, 4)], Sample((5,)), 3)
        net.hang(0, nn.Linear(6, 3))
        net.hang(1, nn.Linear(4, 3))
        for layer in layers(net).values():
            hide(layer, torch.rand(layer.weight.shape) < 0.3)
        first, second, head0, head1 = (
            layers(net)[name] for name in ("stages.0.0", "stages.1", "heads.0", "heads.1")
        )
        for exits in ([0], [1], None):
            here, there = exits != [1], exits != [0]
            m1, m2, h0, h1 = (mask_of(layer) for layer in (first, second, head0, head1))
            reached1 = m1.any(1)
            reached2 = (m2 & reached1).any(1)
            wanted2 = h1.any(0) & there
            wanted1 = (h0.any(0) & here) | (m2 & wanted2[:, None]).any(0)
            masks = connected(net, exits)
            assert torch.equal(masks["stages.0.0"], m1 & wanted1[:, None])
            assert torch.equal(masks["stages.1"], m2 & reached1 & wanted2[:, None])
            assert torch.equal(masks["heads.0"], h0 & reached1 & here)
            assert torch.equal(masks["heads.1"], h1 & reached2 & there)


@pytest.mark.parametrize("spec", ["resnet[depth=8]", "mobilenet", "vgg", "lenet", "mlp"])
def test_in_a_dense_network_every_weight_is_connected(spec):
    task = TinyTask().about()
    net = assemble(choose(Backbone, spec).plugin, task, choose(Exits, "joint").plugin)
    for name, mask in connected(net).items():
        rows = mask.flatten(2).any(2) if mask.dim() > 2 else mask
        assert bool(rows.all()), name  # taps that only ever see padding do nothing, and count so
