"""Paths through attention, against a search by hand; layers that cannot be followed are named."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from baselines.backbones.mlp import Mlp
from baselines.backbones.transformer import Transformer
from bench import FlowingAttention, Net, Sample, Subject, connected, hide, layers, mask_of
from bench.measuring.meters.macs import Macs
from bench.network.paths import unfollowed

TEXT = Sample((6,), torch.int64, 20)


def transformer(stages=1, width=8, heads=2):
    backbone = Transformer(layers=stages, width=width, heads=heads)
    net = Net(backbone.stages(TEXT), TEXT, 2)
    for stage, shape in enumerate(net.shapes):
        net.hang(stage, backbone.head(shape, 2))
    return net


def test_in_a_dense_transformer_every_weight_is_connected():
    net = transformer(3)
    assert all(bool(mask.all()) for mask in connected(net).values())
    assert unfollowed(net) is None


@pytest.mark.parametrize("seed", range(12))
def test_connected_weights_of_attention_are_those_that_a_search_by_hand_finds(seed):
    """One layer of two heads of four channels. The shortcuts feed every channel and lead every channel to the head.

    A number of a query counts where its partner in the key has an input, and some value of its head gets both
    an input and a way out; a key's the other way round; a value's where it has a way out.
    """
    torch.manual_seed(seed)
    net = transformer()
    of_layer = {name.removeprefix("stages.0.1."): layer for name, layer in layers(net).items()}
    for name, layer in of_layer.items():
        if not name.startswith("heads"):
            hide(layer, torch.rand(layer.weight.shape) < (0.15 if "attention" in name else 0.1))
    query, key, value, out = (
        mask_of(of_layer[f"attention.{name}"]) for name in ("query", "key", "value", "out")
    )
    into, back = mask_of(of_layer["inner.0"]), mask_of(of_layer["inner.2"])
    fed = {name: mask.any(1) for name, mask in (("query", query), ("key", key), ("value", value))}
    alive = fed["value"] & out.any(0)
    head = alive.reshape(2, 4).any(1).repeat_interleave(4)
    expected = {
        "attention.query": query & (fed["key"] & head)[:, None],
        "attention.key": key & (fed["query"] & head)[:, None],
        "attention.value": value & out.any(0)[:, None],
        "attention.out": out & fed["value"],
        "inner.0": into & back.any(0)[:, None],
        "inner.2": back & into.any(1),
    }
    masks = {name.removeprefix("stages.0.1."): mask for name, mask in connected(net).items()}
    for name, mask in expected.items():
        assert torch.equal(masks[name], mask), name
    assert bool(masks["heads.0.1"].all())


def test_flowing_attention_is_the_mean_of_the_values_where_queries_meet_keys_and_half_of_it_elsewhere():
    query, key, value = torch.ones(1, 1, 3, 4), torch.ones(1, 1, 5, 4), torch.rand(1, 1, 5, 2)
    with FlowingAttention():
        met = F.scaled_dot_product_attention(query, key, value)
        missed = F.scaled_dot_product_attention(query, 0 * key, value)
    torch.testing.assert_close(met, value.mean(2, keepdim=True).expand(1, 1, 3, 2))
    torch.testing.assert_close(missed, met / 2)
    assert F.scaled_dot_product_attention(query, key, value).shape == met.shape


class OwnAttention(nn.Module):
    """With a softmax of its own, through which nothing can be followed."""

    def __init__(self):
        super().__init__()
        self.query, self.value = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        return (self.query(x) @ x.transpose(1, 2)).softmax(2) @ self.value(x)


def test_where_paths_cannot_be_followed_the_record_says_so_and_has_no_number():
    net = Net([OwnAttention()], Sample((3, 4)), 2)
    net.hang(0, nn.Sequential(nn.Flatten(), nn.Linear(12, 2)))
    hide(net.stages[0].value, torch.eye(4, dtype=torch.bool))
    assert unfollowed(net) == "stages.0.query"
    assert mask_of(net.stages[0].value).sum() == 4
    measurement = Macs().measure(Subject(net.eval(), torch.device("cpu")))
    assert "stages.0.query" in measurement.absent["density.effective"]
    places = (measurement.exits[0], *measurement.cuts.values())
    assert not any(name.startswith("density.effective") for place in places for name in place)
    assert measurement.exits[0]["density"].value == (16 + 4 + 24) / 56


def mlp(**settings):
    sample = Sample((1, 28, 28))
    backbone = Mlp(widths=(16, 16), **settings)
    net = Net(backbone.stages(sample), sample, 10)
    net.hang(1, backbone.head(net.shapes[-1], 10))
    return net


def test_padded_inputs_lead_nowhere_and_hide_no_other_path():
    net = mlp(inputs=800)
    assert unfollowed(net) is None
    first = connected(net)["stages.0.1"]
    assert torch.equal(first, torch.arange(800).expand(16, 800) < 784)
    measured = Macs().measure(Subject(net, torch.device("cpu")))
    size = 800 * 16 + 16 * 16 + 160
    assert measured.exits[0]["density.effective"].value == (size - 16 * 16) / size
    assert "density.effective" not in measured.absent


def test_a_sparse_padded_network_counts_the_weights_on_a_path_from_its_inputs():
    net = mlp(inputs=800)
    mask = torch.arange(800).expand(16, 800) % 4 == 3  # 784 and 800 are multiples of 4
    hide(net.stages[0][1], mask)
    measured = Macs().measure(Subject(net, torch.device("cpu"))).exits[0]
    size = 800 * 16 + 16 * 16 + 160
    assert measured["density"].value == (200 * 16 + 16 * 16 + 160) / size
    assert measured["density.effective"].value == (196 * 16 + 16 * 16 + 160) / size


class Centred(nn.Module):
    """Takes the mean away, which leaves nothing where all units are alike."""

    def forward(self, x):
        return x - x.mean(1, keepdim=True)


@pytest.mark.parametrize(
    "stage",
    [
        nn.Sequential(nn.Flatten(), Centred(), nn.Linear(18, 8)),
        nn.Sequential(Centred(), nn.Conv2d(2, 8, 3, groups=2), nn.Flatten()),
    ],
)
def test_what_is_zero_for_equal_units_alone_is_no_padding(stage):
    net = Net([stage], Sample((2, 3, 3)), 2)
    net.hang(0, nn.Linear(8, 2))
    assert "stages.0" in unfollowed(net)


def test_padded_channels_of_grouped_convolutions_lead_nowhere():
    stage = nn.Sequential(
        nn.ConstantPad3d((0, 0, 0, 0, 0, 2), 0.0), nn.Conv2d(4, 4, 3, groups=2), nn.Flatten()
    )
    net = Net([stage], Sample((2, 3, 3)), 2)
    net.hang(0, nn.Linear(4, 2))
    assert unfollowed(net) is None
