"""Multiply-accumulates and parameters against hand counts, hooks and published networks.

Covers: baselines/backbones/lenet.py, baselines/backbones/mlp.py, baselines/backbones/mobilenet.py,
    baselines/backbones/resnet.py, baselines/backbones/vgg.py
"""

import copy

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from baselines.backbones.lenet import LeNet
from baselines.backbones.mlp import Mlp
from baselines.backbones.mobilenet import MobileNet
from baselines.backbones.resnet import ResNet, ResNet18
from baselines.backbones.transformer import Transformer
from baselines.backbones.vgg import Vgg
from bench import Net, Sample, Subject, hide, layers, parameters
from bench.kinds.build import assemble
from bench.measuring.meters.macs import Macs, second_count
from bench.network.macs import StepCost, Tariff, count
from bench.testing import AllExits, TinyBackbone, TinyTask

CIFAR = Sample((3, 32, 32))


def built(backbone, sample=CIFAR, classes=10):
    net = Net(backbone.stages(sample), sample, classes).eval()
    net.hang(len(net.stages) - 1, backbone.head(net.shapes[-1], classes))
    return net


def by_hand(net):
    """Multiply-accumulates of convolutions and linear layers from their shapes, by hooks."""
    total = 0

    def add(layer, inputs, output):
        nonlocal total
        fan_in = layer.weight[0].numel()
        total += output[0].numel() * fan_in

    hooks = [m.register_forward_hook(add) for m in net.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    with torch.no_grad():
        net(net.sample.blank())
    for hook in hooks:
        hook.remove()
    return total


@pytest.mark.parametrize(
    "backbone", [Mlp(), LeNet(), ResNet(), ResNet(shortcut="conv"), ResNet18(), Vgg(), MobileNet()], ids=repr
)
def test_the_count_is_the_hand_count(backbone):
    net = built(backbone)
    assert Tariff.of(net).upto(len(net.stages) - 1, effective=False) == by_hand(net)


@pytest.mark.parametrize(
    ("backbone", "classes", "expected"),
    [
        (ResNet(depth=20), 10, 269_722),  # He et al. 2016: 0.27 M
        (ResNet(depth=56), 10, 853_018),  # 0.85 M
        (ResNet18(), 10, 11_173_962),  # the usual CIFAR form
        (Vgg(depth=16), 10, 14_728_266 - 4_224),  # the usual CIFAR form; convolutions without bias
        (MobileNet(), 10, 2_223_872 + 12_810),  # the features of torchvision, ten classes
        (Mlp(widths=(40, 40), inputs=800), 10, 34_000 + 90),  # the seed paper's, dense
    ],
    ids=["resnet20", "resnet56", "resnet18", "vgg16", "mobilenet", "mlp"],
)
def test_parameters_are_the_published_ones(backbone, classes, expected):
    sample = Sample((1, 28, 28)) if isinstance(backbone, Mlp) else CIFAR
    assert parameters(built(backbone, sample, classes)) == expected


def test_effective_macs_are_each_layers_times_its_density():
    net = Net(
        [nn.Conv2d(2, 4, 3, padding=1), nn.Sequential(nn.Flatten(), nn.Linear(64, 8))], Sample((2, 4, 4)), 2
    )
    net.hang(0, nn.Sequential(nn.Flatten(), nn.Linear(64, 2)))
    net.hang(1, nn.Linear(8, 2))
    pairs = torch.tensor([[1, 0], [0, 1], [1, 0], [0, 1]], dtype=torch.bool)
    hide(net.stages[0], pairs[:, :, None, None].expand(4, 2, 3, 3))
    hide(net.stages[1][1], torch.arange(512).reshape(8, 64) % 4 == 0)
    tariff = Tariff.of(net)
    assert tariff.upto(0, effective=False) == 16 * 4 * 2 * 9 + 128
    assert tariff.upto(0, effective=True) == 16 * 4 * 9 + 128
    assert tariff.upto(1, effective=True) == 16 * 4 * 9 + 128 + 128 + 16
    assert tariff.upto(-1, effective=True) == 0


def test_device_part_and_server_part_are_the_whole():
    net = built(ResNet())
    measured = Macs().measure(Subject(net, torch.device("cpu")))
    whole = measured.exits[0]["macs"].value
    assert measured.cuts[len(net.stages)]["macs.device"].value == whole
    shares = Tariff.of(net).shares()
    assert shares[-1] == 1
    assert shares == sorted(shares)


def test_operators_that_are_not_counted_are_listed():
    counted = count(built(ResNet()))
    assert counted.uncounted["relu"] == 19
    assert "convolution" not in counted.uncounted
    assert "view" not in counted.uncounted


def test_the_second_counter_agrees_and_a_difference_is_noted():
    net = built(ResNet18())
    second, _ = second_count(net)
    first = Tariff.of(net).upto(8, effective=False)
    assert abs(second - first) / first < 0.02
    assert "counters differ" not in Macs().measure(Subject(net, torch.device("cpu"))).notes
    pooled = Net([nn.Sequential(nn.BatchNorm2d(3), nn.AdaptiveAvgPool2d(1), nn.Flatten())], CIFAR, 2)
    pooled.hang(0, nn.Linear(3, 2))
    notes = Macs().measure(Subject(pooled.eval(), torch.device("cpu"))).notes
    assert notes["counters differ"]["share"] > 0.02


def test_a_network_without_products_says_so():
    net = Net([nn.Flatten()], Sample((2,)), 2)
    net.hang(0, nn.Identity())
    measured = Macs().measure(Subject(net, torch.device("cpu")))
    assert "macs" in measured.absent


def trained_step(net, x):
    """What one forward and backward pass does, by PyTorch's counter; the input wants its gradient too."""
    with FlopCounterMode(display=False) as counter:
        torch.stack([logits.sum() for logits in net(x.requires_grad_())]).sum().backward()
    return counter.get_total_flops() / 2 / len(x)


def test_a_training_step_costs_what_its_passes_do():
    net = assemble(TinyBackbone(), TinyTask().about(), AllExits()).train()
    assert StepCost(net, net.parameters()).now() == trained_step(net, torch.randn(4, 3, 16, 16))


def test_hidden_and_frozen_weights_do_not_count_in_training():
    net = assemble(TinyBackbone(), TinyTask().about(), AllExits())
    cost = StepCost(net, net.parameters())
    whole, layer = cost.now(), net.stages[1][0]
    macs = 64 * layer.weight.numel()
    hide(layer, torch.arange(layer.weight.numel()).reshape(layer.weight.shape) % 4 == 0)
    assert cost.now() == whole - 3 * macs * 0.75
    heads = [p for stage in net.exits for p in net.head(stage).parameters()]
    own = sum(p.numel() for p in heads if p.dim() > 1)
    forward = whole / 3 - 0.75 * macs
    assert StepCost(net, heads).now() == forward + 2 * own


def test_densities_are_of_what_leads_to_an_exit():
    net = assemble(TinyBackbone(), TinyTask().about(), AllExits())
    first, second = net.stages[0][0], net.stages[1][0]
    mask = torch.zeros_like(second.weight, dtype=torch.bool)
    mask[0, :8] = True
    hide(second, mask)
    hide(first, torch.arange(16)[:, None, None, None].expand_as(first.weight) >= 4)
    measured = Macs().measure(Subject(net, torch.device("cpu")))
    head = net.head(0)[-1].weight.numel()
    exit0, exit1 = (measured.exits[number] for number in (0, 1))
    assert exit0["density"].value == (0.75 * 432 + head) / (432 + head)
    assert exit0["density.effective"].value == (0.75 * 432 + 0.75 * head) / (432 + head)
    size = 432 + 4608 + net.head(1)[-1].weight.numel()
    assert exit1["density"].value == (0.75 * 432 + 72 + net.head(1)[-1].weight.numel()) / size
    # of 12 channels that exist, output 0 reads four; of the head's columns only that of output 0 is fed
    assert exit1["density.effective"].value == (4 * 27 + 4 * 9 + 4) / size
    assert measured.cuts[1]["density.device"].value == exit0["density"].value
    assert "density.device" not in measured.cuts[0]


TEXT = Sample((10,), torch.int64, 50)
ENCODER = Transformer(layers=3, width=16, heads=4)


def attention_by_hand(places, width):
    """MACs of one layer: four projections, every query with every key, shares with values, and two layers behind."""
    return 4 * places * width**2 + 2 * places**2 * width + 8 * places * width**2


def test_attention_is_counted_at_every_exit_and_cut_and_by_both_counters():
    net = Net(ENCODER.stages(TEXT), TEXT, 2).eval()
    for stage in (0, 2):
        net.hang(stage, ENCODER.head(net.shapes[stage], 2))
    layer, head = attention_by_hand(10, 16), 32
    measured = Macs().measure(Subject(net, torch.device("cpu")))
    assert [measured.exits[number]["macs"].value for number in (0, 1)] == [layer + head, 3 * layer + 2 * head]
    assert measured.cuts[2]["macs.device"].value == 2 * layer + head
    assert Tariff.of(net).shares() == [1 / 3, 2 / 3, 1]
    second, unknown = second_count(net)
    norms = 7 * 5 * 160  # fvcore counts a normalisation as five a number
    assert second == 3 * layer + 2 * head + norms
    assert "aten::scaled_dot_product_attention" not in unknown


def test_hidden_weights_take_nothing_off_attentions_own_products():
    net = Net(ENCODER.stages(TEXT), TEXT, 2)
    net.hang(2, nn.Sequential(nn.Flatten(), nn.Linear(160, 2)))
    assert Tariff.of(net).upto(2, effective=True) == 3 * attention_by_hand(10, 16) + 320
    for layer in layers(net.stages).values():
        hide(layer, torch.zeros_like(layer.weight, dtype=torch.bool))
        assert not layer.weight.any()
    assert Tariff.of(net).upto(2, effective=True) == 3 * 2 * 100 * 16 + 320


def test_a_training_step_with_attention_costs_what_its_passes_do():
    net = Net(ENCODER.stages(TEXT), TEXT, 2).train()
    net.hang(2, ENCODER.head(net.shapes[2], 2))
    ghost = copy.deepcopy(net).to("meta")
    with FlopCounterMode(display=False) as counter:
        ghost(TEXT.blank(4, "meta"))[0].sum().backward()
    assert StepCost(net, net.parameters()).now() == counter.get_total_flops() / 2 / 4


def test_attention_in_a_frozen_stage_costs_a_forward_pass_alone():
    net = Net(ENCODER.stages(TEXT), TEXT, 2)
    net.hang(2, ENCODER.head(net.shapes[2], 2))
    forward = 3 * attention_by_hand(10, 16)
    assert StepCost(net, net.head(2).parameters()).now() == forward + 3 * 32
    last = [*net.stages[2].parameters(), *net.head(2).parameters()]
    assert StepCost(net, last).now() == forward / 3 * 5 + 3 * 32


def test_shorter_texts_cost_what_they_do_alone():
    net = Net(ENCODER.stages(TEXT), TEXT, 2)
    net.hang(2, ENCODER.head(net.shapes[2], 2))
    cost = StepCost(net, net.parameters())
    assert cost.at((10,)) is cost
    assert cost.at((4,)).now() == 3 * (3 * attention_by_hand(4, 16) + 32)
    layer = net.stages[1].inner[0]
    hide(layer, torch.zeros_like(layer.weight, dtype=torch.bool))
    assert cost.at((4,)).now() == 3 * (3 * attention_by_hand(4, 16) + 32 - 4 * 4 * 16 * 16)
    assert cost.now() == 3 * (3 * attention_by_hand(10, 16) + 32 - 10 * 4 * 16 * 16)


def test_shared_weights_count_in_every_place_that_multiplies_by_them_and_exist_once():
    net = Net([nn.Linear(8, 8, bias=False), nn.ReLU(), nn.Linear(8, 8, bias=False)], Sample((8,)), 2)
    net.hang(2, nn.Linear(8, 2))
    net.stages[2].weight = net.stages[0].weight
    hide(net.stages[0], torch.arange(64).reshape(8, 8) % 4 != 0)
    measured = Macs().measure(Subject(net, torch.device("cpu"))).exits[0]
    values = {name: reading.value for name, reading in measured.items()}
    assert values["macs"] == 2 * 64 + 16
    assert values["macs.effective"] == 2 * 48 + 16
    assert values["parameters"] == 48 + 16 + 2
    assert values["density"] == (48 + 16) / (64 + 16)
    assert values["density.effective"] <= values["density"]
    cost = StepCost(net, net.parameters())
    assert cost.now() == 3 * (2 * 48 + 16)


def test_effective_macs_are_whole_numbers():
    net = built(LeNet(), Sample((1, 28, 28)))
    for number, layer in enumerate(layers(net).values()):
        hide(layer, torch.rand(layer.weight.shape, generator=torch.Generator().manual_seed(number)) < 1 / 3)
    for stage in range(len(net.stages)):
        effective = Tariff.of(net).upto(stage, effective=True)
        assert isinstance(effective, int)
    exact = sum(
        Tariff.of(net).stages[index][0] * int(layer.weight_mask.sum()) // layer.weight.numel()
        for index, stage in enumerate(net.stages)
        for layer in layers(stage).values()
    )
    heads = sum(int(layer.weight_mask.sum()) for layer in layers(net.heads).values())
    assert effective == exact + heads
