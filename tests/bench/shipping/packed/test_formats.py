"""How masks are written, and read back."""

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save
from torch import nn

from bench import SeesawError, hide, mask_from, mask_of, pack, unpack


@given(
    st.sampled_from([(3, 5), (1, 300), (4, 3, 3, 3), (300, 1), (2, 2, 1, 1)]),
    st.floats(0, 1),
    st.sampled_from(["bitmap", "indexed", "delta", "mixed"]),
    st.booleans(),
)
@settings(deadline=None)
def test_any_mask_comes_back_even_an_empty_one(shape, share, form, by_pair):
    layer = nn.Linear(1, 1) if len(shape) == 2 else nn.Conv2d(1, 1, 1)
    layer.weight = nn.Parameter(torch.randn(shape))
    mask = torch.rand(shape[:2] if by_pair else shape) < share
    hide(layer, mask[(...,) + (None,) * (len(shape) - mask.dim())].expand(shape))
    net = nn.Sequential(layer)
    tensors, masks = unpack(pack(net, form))
    assert torch.equal(tensors["0.weight"], layer.weight)
    assert torch.equal(masks["0"], mask_of(layer))


def test_a_byte_a_gap_beats_a_bit_a_place_where_few_weights_exist():
    layer = nn.Linear(512, 512)
    hide(layer, torch.rand(512, 512) < 0.03)
    sizes = {form: len(pack(nn.Sequential(layer), form)) for form in ("bitmap", "indexed", "delta")}
    assert sizes["delta"] < sizes["indexed"] < sizes["bitmap"]


@pytest.mark.parametrize(
    "places", [[], [0], [254], [255], [256], [509, 510], [0, 255, 511], [765], [1019], [1023]]
)
def test_gaps_of_any_length_come_back(places):
    layer = nn.Linear(1024, 1)
    mask = torch.zeros(1, 1024, dtype=torch.bool)
    mask[0, places] = True
    hide(layer, mask)
    assert torch.equal(unpack(pack(nn.Sequential(layer), "delta"))[1]["0"], mask)


@pytest.mark.parametrize(
    "gaps",
    [
        torch.full((9,), 255, dtype=torch.uint8),
        torch.zeros(300, dtype=torch.uint8),
        torch.zeros(3),
        torch.zeros(2, 2, dtype=torch.uint8),
    ],
)
def test_gaps_that_lead_out_of_the_layer_are_refused(gaps):
    layer = nn.Linear(128, 1)
    hide(layer, torch.arange(128)[None] < 3)
    data = pack(nn.Sequential(layer), "delta")
    about = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    with pytest.raises(SeesawError, match="no whole packed network"):
        unpack(save(load(data) | {"0.weight.gaps": gaps}, about))


def sizes(layer):
    forms = ("bitmap", "indexed", "delta", "cyclic", "periodic", "pattern", "mixed")
    return {form: len(data) for form in forms if (data := pack(nn.Sequential(layer), form)) is not None}


def test_diagonals_keep_where_they_begin():
    layer = nn.Linear(96, 64)
    hide(layer, mask_from("diagonal[density=0.125]@0", (64, 96)))  # without the pattern that made it
    lengths = sizes(layer)
    assert lengths["cyclic"] == min(lengths.values())
    assert "pattern" not in lengths
    assert torch.equal(unpack(pack(nn.Sequential(layer), "cyclic"))[1]["0"], layer.weight_mask)


def test_what_repeats_keeps_one_period():
    layer = nn.Conv2d(16, 32, 3)
    hide(layer, mask_from("kernel[density=0.25]@0", (32, 16, 3, 3)))
    lengths = sizes(layer)
    assert lengths["periodic"] == min(lengths.values())
    assert torch.equal(unpack(pack(nn.Sequential(layer), "periodic"))[1]["0"], layer.weight_mask)


def test_what_is_no_diagonals_and_does_not_repeat_has_neither_format():
    layer = nn.Linear(40, 30)
    hide(layer, torch.rand(30, 40) < 0.3)
    assert set(sizes(layer)) == {"bitmap", "indexed", "delta", "mixed"}


@pytest.mark.parametrize("period", [(0, 1), (-1, 1), (5, 1), (1, 3), (64, 1 << 20)])
def test_a_period_that_does_not_fit_is_refused(period):
    layer = nn.Linear(16, 32)
    hide(layer, torch.ones(32, 16, dtype=torch.bool).index_fill(0, torch.arange(0, 32, 2), False))
    data = pack(nn.Sequential(layer), "periodic")
    tensors = load(data)
    tensors["0.weight.period"] = torch.tensor(period, dtype=torch.int32)
    head = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    with pytest.raises(SeesawError, match="no whole packed network"):
        unpack(save(tensors, head))
