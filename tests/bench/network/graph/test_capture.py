"""Any module as stages: they answer as the whole does, bit for bit, cut anywhere.

Covers: bench/network/graph/borders.py, bench/network/graph/exported.py, bench/network/graph/stages.py,
    bench/network/graph/trace.py, bench/network/graph/values.py
"""

import copy
import importlib.util
import itertools
from typing import NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import fx, nn

from bench import Net, Sample, SeesawError, hide, layers, maskable, pack
from bench.network.graph.borders import data_nodes, dominators
from bench.network.graph.capture import answer_of, capture, digest, name_of
from bench.network.graph.trace import trace
from bench.network.graph.values import values_of
from bench.shipping.packed.pack import restore

SMALL = Sample((3, 16, 16))
TORCHVISION = {
    "alexnet": (64, {}),
    "vgg11_bn": (32, {}),
    "resnet18": (32, {}),
    "resnext50_32x4d": (32, {}),
    "densenet121": (32, {}),
    "mobilenet_v2": (32, {}),
    "mobilenet_v3_small": (32, {}),
    "efficientnet_b0": (32, {}),
    "efficientnet_v2_s": (32, {}),
    "regnet_y_400mf": (32, {}),
    "convnext_tiny": (32, {}),
    "vit_b_16": (32, {"image_size": 32}),
    "swin_t": (32, {}),
    "swin_v2_t": (32, {}),
    "googlenet": (32, {"aux_logits": False, "init_weights": False}),
    "inception_v3": (75, {"aux_logits": False, "init_weights": False}),
    "squeezenet1_1": (32, {}),
    "shufflenet_v2_x0_5": (32, {}),
    "mnasnet0_5": (32, {}),
}
TIMM = {
    "mobilenetv4_conv_small": (64, {}),
    "mobilenetv4_hybrid_medium": (64, {}),
    "ghostnet_050": (64, {}),
    "mobileone_s0": (32, {}),
    "fastvit_t8": (64, {}),
    "efficientvit_b0": (64, {}),
    "tiny_vit_5m_224": (64, {}),
    "hrnet_w18_small": (64, {}),
    "coatnet_nano_rw_224": (64, {"img_size": 64}),
    "dm_nfnet_f0": (32, {}),
    "tf_efficientnet_lite0": (64, {}),
    "xcit_nano_12_p16_224": (64, {}),
}
WITHOUT_TIMM = pytest.mark.skipif(
    importlib.util.find_spec("timm") is None,
    reason="timm is not installed: its architectures are not tried. Install the extra: seesaw-bench[timm]",
)


def net_of(module, sample, classes=10, **settings):
    made = capture(module, sample, **settings)
    net = Net(made.stages, sample, classes)
    net.hang(len(net.stages) - 1, made.head)
    return net.eval()


@torch.no_grad()
def hold(module, sample):
    """Check whole == back(front(x)) at every cut, and a batch that changes on the way.

    What crosses arrives in the order of its dimensions; where every stage makes the same of it as before, so does
    every row of stages, and back(front(x)) is the whole at every cut.
    """
    torch.manual_seed(0)
    x = torch.randn(2, *sample.shape)
    whole = module.eval()(x)
    net = net_of(module, sample)
    features, (logits,) = net.passed(x)
    assert torch.equal(logits, whole)
    assert len(net.stages) > 1
    for k, feature in enumerate(features[:-1]):
        arrived = feature.clone(memory_format=torch.contiguous_format)
        assert torch.equal(net.stages[k](arrived), features[k + 1]), f"cut {k}"
    for k in {1, len(net.stages) // 2, len(net.stages)}:
        front, back = net.cut(k)
        arrived = front(x).clone(memory_format=torch.contiguous_format)
        assert torch.equal(back(arrived), whole)
    front, back = net.cut(len(net.stages) // 2)
    both = back(torch.cat([front(x[:1]), front(x)]))
    assert torch.allclose(both[1:], whole, atol=1e-3 * float(whole.abs().max()))


@pytest.mark.parametrize("name", TORCHVISION)
def test_a_network_of_torchvision_is_its_stages(name):
    from torchvision import models

    side, settings = TORCHVISION[name]
    hold(models.get_model(name, weights=None, num_classes=10, **settings), Sample((3, side, side)))


def test_a_maxvit_is_its_stages():
    from torchvision.models import MaxVit

    hold(MaxVit((64, 64), 16, 2, [16, 32], [1, 2], 8, stochastic_depth_prob=0.0), Sample((3, 64, 64)))


@WITHOUT_TIMM
@pytest.mark.parametrize("name", TIMM)
def test_a_network_of_timm_is_its_stages(name, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import timm

    side, settings = TIMM[name]
    hold(timm.create_model(name, num_classes=10, **settings), Sample((3, side, side)))


def test_stages_are_named_as_the_module_names_its_blocks():
    from torchvision import models

    made = capture(models.resnet18(num_classes=10), Sample((3, 32, 32)))
    assert [name_of(one) for one in made.stages] == [
        "conv1",
        *(f"layer{layer}.{block}" for layer in range(1, 5) for block in range(2)),
    ]
    assert name_of(made.head) == "fc"
    fewer = capture(models.resnet18(num_classes=10), Sample((3, 32, 32)), cuts=2)
    assert len(fewer.stages) == 3
    with pytest.raises(SeesawError, match="can be cut at 8 places, not at 9"):
        capture(models.resnet18(num_classes=10), Sample((3, 32, 32)), cuts=9)


def reached(graph, answer, without):
    """Whether the answer hangs on the input by a path that leaves out one operation: by brute force."""
    behind = set()
    for node in graph.nodes:
        if node is not without and (node.op == "placeholder" or behind & set(node.all_input_nodes)):
            behind.add(node)
    return answer in behind


def test_dominators_are_what_every_path_passes():
    from torchvision import models

    module = models.googlenet(num_classes=4, aux_logits=False, init_weights=False).eval()
    graph, sample = trace(module), Sample((3, 32, 32))
    values = values_of(module, graph, sample)
    answer = answer_of(next(node for node in graph.nodes if node.op == "output").args[0])
    nodes = data_nodes(values, graph, answer)
    found = {nodes[place] for place in dominators(values, nodes)}
    assert found == {node for node in nodes if not reached(graph, answer, node)}


class Body(nn.Module):
    """Two convolutions, `between` them, and a linear layer."""

    def __init__(self, between=lambda self, x: x):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.act, self.last, self.between = nn.ReLU(inplace=True), nn.Linear(8, 4), between

    def forward(self, x):
        return self.last(self.act(self.second(self.between(self, self.act(self.first(x))))).mean((2, 3)))


def in_place(self, x):
    other = x
    x.mul_(2).add_(1)
    other += F.relu(x, inplace=True)
    return other


def by_batch(self, x):
    return x.reshape(x.shape[0] * 8, 1, x.shape[2], x.shape[3]).reshape(x.shape[0], 8, x.shape[2], -1)


def by_masks(self, x):
    """Python's `or` and `and` of tensors, whose names end as those of what works in place."""
    return x * ((x > 1) | (x < 0.5)).to(x.dtype) * ((x < 3) & (x > -3)).to(x.dtype)


@pytest.mark.parametrize("between", [in_place, by_batch, by_masks])
def test_what_works_in_place_or_counts_the_batch_may_be_cut(between):
    module = Body(between)
    x = torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        whole = module(x)
        net = net_of(copy.deepcopy(module), SMALL, 4)
        assert torch.equal(net(x)[-1], whole)
        for k in range(len(net.stages)):
            front, back = net.cut(k)
            assert torch.allclose(back(torch.cat([front(x), front(x[:1])]))[:2], whole, atol=1e-6)


def test_dropout_of_a_forward_follows_the_mode():
    net = net_of(Body(lambda self, x: F.dropout(x, 0.5, training=self.training)), SMALL, 4)
    x = torch.randn(2, 3, 16, 16)
    assert torch.equal(net(x)[-1], net(x)[-1])
    assert not torch.equal(net.train()(x)[-1], net(x)[-1])


class Tokens(nn.Module):
    """A patch embedding with a class token, and attention."""

    def __init__(self):
        super().__init__()
        self.patches, self.token = nn.Conv2d(3, 12, 4, 4), nn.Parameter(torch.randn(1, 1, 12))
        block = nn.TransformerEncoderLayer(12, 2, 24, batch_first=True)
        self.blocks = nn.Sequential(*(copy.deepcopy(block) for _ in range(3)))
        self.head = nn.Linear(12, 4)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1)
        return self.head(self.blocks(x)[:, 0])


def test_tokens_go_on_with_channels_first():
    net = net_of(Tokens(), SMALL, 4)
    assert set(net.shapes[:-1]) <= {(12, 17), (12, 16)}
    assert (12, 17) in net.shapes


class Outputs(NamedTuple):
    logits: torch.Tensor
    pixels: torch.Tensor


class Pair(nn.Module):
    def forward(self, x, y):
        return x


class Answers(nn.Module):
    def __init__(self, form):
        super().__init__()
        self.body, self.form = Body(), form

    def forward(self, x):
        return self.form(self.body(x), x)


@pytest.mark.parametrize(
    "form",
    [lambda y, x: {"logits": y, "input": x}, lambda y, x: {"scores": y}, lambda y, x: (y,), Outputs],
    ids=["named", "alone", "tuple", "named tuple"],
)
def test_logits_are_found_in_what_a_module_gives(form):
    module, x = Answers(form), torch.randn(2, 3, 16, 16)
    assert torch.equal(net_of(module, SMALL, 4)(x)[-1], module.body(x))


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Answers(lambda y, x: {"a": y, "b": x}), "gives 2 tensors, and nothing says which are the logits"),
        (Answers(lambda y, x: x), r"gives \(2, 3, 16, 16\) for a batch of 2, and no logits"),
        (Answers(lambda y, x: y if y.sum() > 0 else -y), "cannot be followed at `.*y.sum"),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(7, 4)), "does not take samples of shape"),
        (Pair(), "Pair does not take a batch of samples alone .*forward takes one tensor"),
        (Answers(lambda y, x: F.dropout(y, 0.5)), "answers the same samples otherwise each time"),
        (Answers(lambda y, x: y + torch.rand_like(y)), "answers the same samples otherwise each time"),
    ],
    ids=["two", "no logits", "a branch", "too small", "two inputs", "dropout", "noise"],
)
def test_what_cannot_be_captured_is_one_sentence(module, message):
    with pytest.raises(SeesawError, match=message):
        capture(module, SMALL)


def test_on_the_meta_device_small_images_are_one_sentence_that_names_the_layer():
    with torch.device("meta"):
        module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AvgPool2d(20), nn.Flatten(), nn.Linear(4, 4))
    with pytest.raises(SeesawError, match="do not fit this network: 1 fails"):
        capture(module, SMALL)


class Branches(nn.Module):
    """Follows no graph, but its children in order are the whole."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.last = nn.Linear(4, 4)

    def forward(self, x):
        if x.isnan().any():
            raise ValueError("not a number")
        return self.last(self.features(x))


def test_children_in_order_serve_where_the_forward_branches_on_numbers():
    module, x = Branches(), torch.randn(2, 3, 16, 16)
    net = net_of(module, SMALL, 4)
    assert [type(one) for one in net.stages] == [nn.Conv2d, nn.ReLU, nn.AdaptiveAvgPool2d, nn.Flatten]
    assert torch.equal(net(x)[-1], module(x))


def test_a_block_that_is_used_twice_is_one_block_in_every_copy_and_file():
    module = Body(lambda self, x: self.act(self.second(x)))
    net, x = net_of(module, SMALL, 4), torch.randn(2, 3, 16, 16)
    twin = copy.deepcopy(net)
    convolutions = [one for one in layers(twin.stages).values() if isinstance(one, nn.Conv2d)]
    assert len({id(one.weight) for one in convolutions}) == 2
    for layer in convolutions:
        nn.init.zeros_(layer.weight)
    hide(convolutions[-1], torch.rand_like(convolutions[-1].weight) < 0.5)
    packed = pack(net, "bitmap")
    restore(twin, packed)
    assert torch.equal(twin(x)[-1], net(x)[-1])


def test_a_digest_is_of_operations_and_not_of_weights():
    def made(width):
        return capture(nn.Sequential(nn.Conv2d(3, width, 3), nn.Flatten(), nn.Linear(width * 196, 4)), SMALL)

    parts = [[*one.stages, one.head] for one in (made(4), made(4), made(5))]
    same, again, other = map(digest, parts)
    assert same == again != other
    assert digest([nn.Linear(2, 2)]) is None
    assert all(isinstance(one, fx.GraphModule) for one in itertools.chain(*parts))


class Block(nn.Module):
    """A residual block."""

    def __init__(self, width):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width)

    def forward(self, x):
        return x + torch.relu(self.norm(self.conv(x)))


class ByShape(nn.Module):
    """A forward that branches on a size, uses a block twice, works in place, and gives a dictionary."""

    def __init__(self):
        super().__init__()
        self.stem, self.blocks = nn.Conv2d(3, 8, 3), nn.ModuleList([Block(8), Block(8)])
        self.shared, self.drop, self.fc = Block(8), nn.Dropout(0.5), nn.Linear(8, 5)

    def forward(self, x):
        if x.shape[-1] > 16:
            x = torch.nn.functional.avg_pool2d(x, 2)
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        x = self.shared(self.shared(x))
        x.mul_(2)
        x = self.drop(x.mean((2, 3)))
        return {"logits": self.fc(x), "feature": x}


def test_a_forward_that_branches_on_shapes_is_exported_onto_its_own_layers():
    torch.manual_seed(0)
    module, sample, x = ByShape().eval(), Sample((3, 20, 20)), torch.randn(3, 3, 20, 20)
    expected = module(x)["logits"]
    net = net_of(copy.deepcopy(module), sample, 5)
    names = [name_of(one) for one in net.stages]
    assert names == ["stem", "blocks.0", "blocks.1", "shared"]
    assert torch.equal(net(x)[-1], expected)
    for k in range(len(net.stages) + 1):
        front, back = net.cut(k)
        assert torch.equal(back(front(x)), expected)
    assert sorted(maskable(net)) == [
        "stages.1.blocks.0.conv",
        "stages.2.blocks.1.conv",
        "stages.3.shared.conv",
    ]
    shared = maskable(net)["stages.3.shared.conv"]
    hide(shared, torch.rand_like(shared.weight) < 0.5)
    assert not torch.equal(net(x)[-1], expected)
    kept = len([one for one in net.modules() if isinstance(one, nn.BatchNorm2d)])
    assert kept == 3
    net.train()
    assert not torch.equal(net(x)[-1], net(x)[-1])  # its dropout follows the mode


def test_what_cannot_be_exported_either_is_one_sentence_with_both_reasons():
    class ByNumbers(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.fc = nn.Conv2d(3, 8, 3), nn.Linear(8, 5)

        def forward(self, x):
            x = self.conv(x)
            if x.sum() > 0:
                x = x * 2
            return self.fc(x.mean((2, 3)))

    with pytest.raises(
        SeesawError, match=r"at `if x.sum\(\) > 0:`.*nor exported \(.*data-dependent.*\)\. Put that part"
    ):
        capture(ByNumbers(), Sample((3, 8, 8)))
