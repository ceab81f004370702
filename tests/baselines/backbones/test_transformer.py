"""The transformer against PyTorch's own layer, and what its padding must not do.

Covers: baselines/backbones/places.py
"""

import pytest
import torch
from torch import nn

from baselines.backbones.places import PADDING_BELOW, Pooled, token_places
from baselines.backbones.transformer import EncoderLayer, Transformer
from baselines.codecs.float16 import Float16
from baselines.codecs.int8 import Int8
from bench import Net, Sample, SeesawError
from bench.testing import IMAGE, check_backbone

TEXT = Sample((10,), torch.int64, 30)
SMALL = Transformer(layers=3, width=16, heads=4)


def texts(lengths, places=10):
    ids = torch.randint(1, 30, (len(lengths), places))
    return ids * (torch.arange(places) < torch.tensor(lengths)[:, None])


def net(backbone=SMALL, sample=TEXT):
    torch.manual_seed(0)
    made = Net(backbone.stages(sample), sample, 2)
    for stage, shape in enumerate(made.shapes):
        made.hang(stage, backbone.head(shape, 2))
    return made.eval()


def twin(layer, width, heads):
    """PyTorch's own encoder layer with the same weights."""
    other = nn.TransformerEncoderLayer(width, heads, 4 * width, 0.0, "gelu", batch_first=True)
    own = layer.attention
    state = {
        "self_attn.in_proj_weight": torch.cat([own.query.weight, own.key.weight, own.value.weight]),
        "self_attn.in_proj_bias": torch.cat([own.query.bias, own.key.bias, own.value.bias]),
        "self_attn.out_proj.weight": own.out.weight, "self_attn.out_proj.bias": own.out.bias,
        "linear1.weight": layer.inner[0].weight, "linear1.bias": layer.inner[0].bias,
        "linear2.weight": layer.inner[2].weight, "linear2.bias": layer.inner[2].bias,
        "norm1.weight": layer.norm1.weight, "norm1.bias": layer.norm1.bias,
        "norm2.weight": layer.norm2.weight, "norm2.bias": layer.norm2.bias,
    }  # fmt: skip
    other.load_state_dict(state)
    return other.train()  # in eval mode it takes a path of its own


def test_a_layer_is_pytorchs_own_where_tokens_stand():
    layer = EncoderLayer(16, 4, 0.0)
    nn.init.normal_(layer.norm1.weight, 1, 0.1)
    nn.init.normal_(layer.norm2.bias, 0, 0.1)
    there = texts([10, 4, 7]) != 0
    x = torch.randn(3, 10, 16) * there[:, :, None]
    ours = layer(x.transpose(1, 2)).transpose(1, 2)
    theirs = twin(layer, 16, 4)(x, src_key_padding_mask=~there)
    torch.testing.assert_close(ours[there], theirs[there], atol=1e-5, rtol=1e-5)
    assert bool((ours[~there] == 0).all())


def test_it_conforms_with_either_pool():
    check_backbone(SMALL)
    check_backbone(SMALL.model_copy(update={"pool": "first"}))


def test_every_layer_is_a_stage_with_channels_first():
    assert net().shapes == [(16, 10)] * 3
    assert net(Transformer(layers=2, width=17, heads=4)).shapes == [(16, 10)] * 2
    assert net(Transformer(layers=1, width=1, heads=4)).shapes == [(4, 10)]


@pytest.mark.parametrize("pool", ["mean", "first"])
def test_padding_changes_no_answer(pool):
    short, long = Sample((6,), torch.int64, 30), TEXT
    one, other = (net(SMALL.model_copy(update={"pool": pool}), sample) for sample in (short, long))
    state = one.state_dict()
    key = "stages.0.0.places.weight"
    other.load_state_dict(state | {key: torch.cat([state[key], torch.randn(4, 16)])})
    ids = texts([6, 3, 1], 6)
    for a, b in zip(one(ids), other(nn.functional.pad(ids, (0, 4))), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)


def test_a_sample_of_padding_alone_has_an_answer():
    assert all(bool(torch.isfinite(answer).all()) for answer in net()(TEXT.blank(2)))


@pytest.mark.parametrize("codec", [Float16(), Int8()])
def test_which_places_hold_tokens_survives_a_codec(codec):
    ids = texts([10, 4, 1, 7])
    made = net(Transformer(layers=2, width=64, heads=4))
    for k in (1, 2):
        feature = made.cut(k)[0](ids) if k < 2 else made.stages[1](made.stages[0](ids))
        back = torch.stack([codec.decode(codec.encode(one), tuple(one.shape)) for one in feature.detach()])
        assert torch.equal(token_places(back), ids != 0)


def test_a_normalised_token_is_never_taken_for_padding():
    """Of LayerNorm's outputs, one may hold at most the root of the width, and another must hold 1 somewhere."""
    spike, flat = torch.zeros(1023), torch.ones(1023)
    spike[0], flat[::2] = 1, -1
    x = nn.functional.layer_norm(torch.stack([spike, flat]), (1023,)).T[None]
    assert bool(token_places(x).all())
    assert float(x[0, :, 1].abs().max() / x.abs().max()) > PADDING_BELOW


def test_a_head_looks_at_tokens_alone():
    x = torch.randn(2, 4, 6)
    x[0, :, 4:] = 0
    x[1, :, 1:] = 0
    mean = Pooled("mean")(x)
    torch.testing.assert_close(mean, torch.stack([x[0, :, :4].mean(1), x[1, :, 0]]))
    assert torch.equal(Pooled("first")(x), x[:, :, 0])


def test_an_image_is_a_sentence():
    with pytest.raises(SeesawError, match=r"no text \(a row of token ids\)"):
        SMALL.stages(IMAGE)
