"""Natural bottlenecks against lists counted by hand, and against published networks."""

import math

import pytest
import torch
import torchvision
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from bench import Codec, Data, Net, Sample, SeesawError, Split, choose
from bench.kinds.backbone import Backbone
from bench.measuring.bottlenecks import bottlenecks, by_bytes, by_elements, cut_sizes
from bench.shipping.packed.pack import packings
from bench.testing import TinyBackbone, TinyTask

CODECS = {spec: choose(Codec, spec).plugin for spec in ("float32", "uint", "uint[bits=4,through=zstd]")}


@given(st.floats(1, 100), st.lists(st.floats(1, 100), max_size=12))
def test_leading_ones_are_smaller_than_the_input_and_all_before(whole, sizes):
    found = bottlenecks(whole, dict(enumerate(sizes, 1)))
    assert found.all == [k for k, size in enumerate(sizes, 1) if size < whole]
    assert found.leading == [k for k, size in enumerate(sizes, 1) if size < min([whole, *sizes[: k - 1]])]


def ours(name, shape):
    sample = Sample(shape)
    with torch.device("meta"):
        net = Net(choose(Backbone, name).plugin.stages(sample), sample, 10)
    return shares(net)


def shares(net):
    """The share of the input's elements behind each stage but the last, and the bottlenecks among them."""
    whole = math.prod(net.sample.shape)
    sizes = {k: math.prod(shape) for k, shape in enumerate(net.shapes[:-1], 1)}
    return {k: round(size / whole, 3) for k, size in sizes.items()}, bottlenecks(whole, sizes)


@pytest.mark.parametrize(
    ("name", "shape", "every", "leading"),
    [
        ("mobilenet", (3, 32, 32), [15, 16, 17], {15: 0.833}),
        ("vgg", (3, 32, 32), [11, 12], {11: 0.667}),
        ("vgg[depth=11]", (3, 224, 224), [7], {7: 0.667}),
        ("resnet", (3, 32, 32), [], {}),
        ("resnet18", (3, 32, 32), [], {}),
        ("resnet[width=0.5]", (3, 32, 32), [8, 9], {8: 0.667}),
        ("lenet", (1, 28, 28), [3], {3: 0.163}),
        ("branchy-lenet", (1, 28, 28), [3], {3: 0.918}),
        ("mlp", (1, 28, 28), [1], {1: 0.327}),
    ],
)
def test_networks_of_this_house_have_the_bottlenecks_that_their_shapes_say(name, shape, every, leading):
    sizes, found = ours(name, shape)
    assert found.all == every
    assert {k: sizes[k] for k in found.leading} == leading


def published(net, blocks):
    """A published network of torchvision as stages: its blocks, without the classifier."""
    with torch.device("meta"):
        return shares(Net(blocks(getattr(torchvision.models, net)()), Sample((3, 224, 224)), 10))


def residual(net):
    blocks = [block for layer in (net.layer1, net.layer2, net.layer3, net.layer4) for block in layer]
    return [nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool), *blocks, net.avgpool, nn.Flatten()]


def inverted(net):
    """Stem, inverted residuals one by one, and whatever comes last."""
    rows = [group if _is_row(group) else [group] for group in net.features]
    return [block for row in rows for block in row]


def _is_row(group):
    return isinstance(group, nn.Sequential) and not isinstance(group[0], nn.Conv2d)


@pytest.mark.parametrize(
    ("net", "blocks", "leading"),
    [
        ("resnet18", residual, [0.667, 0.333, 0.167, 0.003]),
        ("resnet50", residual, [0.667, 0.014]),
        ("mobilenet_v2", inverted, [0.5, 0.167, 0.083, 0.052]),
        ("efficientnet_b0", inverted, [0.5, 0.208, 0.104, 0.062]),
        ("vgg16", lambda net: [*net.features, nn.Flatten()], [0.667, 0.167]),
    ],
)
def test_published_networks_have_the_leading_bottlenecks_that_others_counted(net, blocks, leading):
    """Shares of the input at 224 x 224, block by block, as counted with another tracer."""
    sizes, found = published(net, blocks)
    assert [sizes[k] for k in found.leading] == leading


def test_efficientnet_b0_has_fifteen_compressive_blocks():
    """The least of the numbers, 15 to 68, that are given for the EfficientNets of the paper."""
    found = published("efficientnet_b0", inverted)[1]
    rows = [k for k in found.all if k <= 17]  # behind the stem stand 16 blocks, then a convolution
    assert len(rows) == 15


@pytest.fixture
def tiny():
    backbone, about = TinyBackbone(), TinyTask().about()
    net = Net(backbone.stages(about.sample), about.sample, about.classes)
    net.hang(2, backbone.head(net.shape(2), about.classes))
    return net.eval()


def test_every_cut_says_what_its_device_computes_and_keeps_and_what_crosses(tiny):
    data = TinyTask().data(None, 0)
    found = cut_sizes(tiny, CODECS, data, 8)
    assert [(one.before, one.shape) for one in found] == [
        (0, (3, 16, 16)),
        (1, (16, 16, 16)),
        (2, (32, 8, 8)),
    ]
    assert [one.macs for one in found] == [0, 16 * 27 * 256, 16 * 27 * 256 + 32 * 144 * 64]
    assert found[1].packed == min(map(len, packings(tiny.cut(1)[0]).values()))
    assert list(found[0].payloads) == ["image8", "jpeg"]
    assert found[0].payloads["image8"] == 768
    assert found[1].payloads["float32"] == 4 * 4096
    assert found[2].payloads["uint"] == 2048 + 8
    assert 0 < found[2].payloads["uint[bits=4,through=zstd]"] < 2048
    assert by_elements(found).all == []
    assert by_bytes(found, "uint[bits=4,through=zstd]", "image8").all == [2]


def test_without_data_only_fixed_sizes_are_known(tiny):
    found = cut_sizes(tiny, CODECS, None, 8)
    assert found[0].payloads == {"image8": 768.0, "jpeg": None}
    assert found[2].payloads == {"float32": 8192.0, "uint": 2056.0, "uint[bits=4,through=zstd]": None}
    assert by_bytes(found, "uint", "image8").all == []
    for codec, source in (("uint", "jpeg"), ("uint[bits=4,through=zstd]", "image8")):
        with pytest.raises(SeesawError, match="hang on samples"):
            by_bytes(found, codec, source)


def test_samples_are_those_asked_for(tiny):
    data = TinyTask().data(None, 0)
    one = Data(data.train, data.calibration, Split(data.test.inputs[:1], data.test.labels[:1]), data.scale)
    spec = "uint[bits=4,through=zstd]"
    alone, first = (cut_sizes(tiny, CODECS, split, 1)[1].payloads[spec] for split in (one, data))
    assert alone == first
