"""Bytes that are no whole packed network, or lie about their content."""

import contextlib
import json
import struct

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save
from torch import nn

from bench import SeesawError, pack, unpack
from bench.shipping.packed.pack import restore
from tests.bench.small import FORMS, network


@pytest.mark.parametrize("form", FORMS)
def test_bytes_cut_short_are_a_sentence(form):
    data = pack(network(pattern=True), form)
    for length in (0, 4, 8, 100, len(data) // 2, len(data) - 1):
        with pytest.raises(SeesawError, match="no whole packed network"):
            unpack(data[:length])


@given(st.sampled_from(FORMS), st.data())
@settings(deadline=None, max_examples=150)
def test_a_flipped_bit_never_ends_in_another_error(form, draw):
    data = bytearray(pack(network(pattern=True), form))
    place = draw.draw(st.integers(0, len(data) - 1))
    data[place] ^= 1 << draw.draw(st.integers(0, 7))
    with contextlib.suppress(SeesawError):
        restore(network(pattern=True), bytes(data))


def forged(**changes):
    """A bitmap file of one layer with lies in it."""
    about = {"0": {"shape": [4, 4], "pairs": False, "form": "bitmap"} | changes}
    tensors = {"0.weight.values": torch.ones(2), "0.weight.bits": torch.tensor([3, 0], dtype=torch.uint8)}
    return save(tensors, {"packed": json.dumps({"masked": about})})


def test_the_honest_forgery_opens():
    assert unpack(forged())[0]["0.weight"].sum() == 2


@pytest.mark.parametrize(
    "shape",
    [[4], [16], [1 << 70, 1], [1.5, 4], [True, 16], [1 << 40, 1 << 40], [4, -4], [0, 4], [8, 8], "44", None],
)
def test_sizes_that_lie_are_refused_before_they_are_used(shape):
    with pytest.raises(SeesawError, match="no whole packed network"):
        unpack(forged(shape=shape))


def test_a_foreign_file_is_a_sentence():
    for data in (save({"x": torch.ones(1)}), struct.pack("<Q", 1 << 60) + b"{}", b"PK\x03\x04" * 9):
        with pytest.raises(SeesawError, match="no whole packed network"):
            unpack(data)


@pytest.mark.parametrize("scale", [torch.ones(3), torch.ones(8, 1), torch.ones(8, dtype=torch.float16)])
@pytest.mark.parametrize("form", ["dense", "bitmap"])
def test_scales_that_do_not_fit_are_refused(scale, form):
    data = pack(nn.Sequential(*[network()[0]]), form, "int8")
    tensors = load(data)
    length = int.from_bytes(data[:8], "little")
    about = json.loads(data[8 : 8 + length])["__metadata__"]
    tensors["0.weight@scale"] = scale
    with pytest.raises(SeesawError, match="no whole packed network"):
        unpack(save(tensors, about))


@pytest.mark.parametrize(
    ("form", "index"),
    [
        ("indexed", {"counts": torch.tensor([1], dtype=torch.int8), "columns": torch.tensor([-1, -2], dtype=torch.int8)}),
        ("indexed", {"counts": torch.tensor([-1, 3], dtype=torch.int32), "columns": torch.tensor([0, 1], dtype=torch.int32)}),
        ("indexed", {"counts": torch.ones(2, 2, dtype=torch.uint8), "columns": torch.zeros(2, dtype=torch.uint8)}),
        ("bitmap", {"bits": torch.ones(2, 1, dtype=torch.uint8)}),
        ("cyclic", {"offsets": torch.zeros(1)}),
        ("nothing", {}),
    ],
)  # fmt: skip
def test_an_index_of_another_kind_is_refused(form, index):
    tensors = {"0.weight.values": torch.ones(2)} | {f"0.weight.{key}": one for key, one in index.items()}
    about = {"0": {"shape": [2, 4], "pairs": False, "form": form}}
    with pytest.raises(SeesawError, match="no whole packed network"):
        unpack(save(tensors, {"packed": json.dumps({"masked": about})}))


def test_a_small_file_that_claims_much_is_refused_before_anything_is_allocated():
    about, tensors = {}, {}
    for n in range(12):
        about[f"l{n}"] = {"form": "delta", "shape": [1, 1, 1 << 13, 1 << 13], "pairs": True}
        tensors |= {
            f"l{n}.weight.gaps": torch.zeros(0, dtype=torch.uint8),
            f"l{n}.weight.values": torch.zeros(0),
        }
    with pytest.raises(SeesawError, match="claims more than"):
        unpack(save(tensors, {"packed": json.dumps({"masked": about})}))


def test_a_mask_where_there_is_no_layer_and_numbers_of_another_type_are_refused():
    net = network()
    tensors, head = load(pack(net, "dense")), json.dumps({"masked": {}})
    wrong = tensors | {"1.running_mean": tensors["1.running_mean"].to(torch.complex64)}
    with pytest.raises(SeesawError, match=r"another network's: 1\.running_mean"):
        restore(net, save(wrong, {"packed": head}))
    other = nn.ModuleDict({"odd": nn.Embedding(4, 4)})
    about = {"odd": {"shape": [4, 4], "pairs": False, "form": "bitmap"}}
    tensors = {"odd.weight.values": torch.ones(2), "odd.weight.bits": torch.tensor([3, 0], dtype=torch.uint8)}
    with pytest.raises(SeesawError, match="another network's: odd"):
        restore(other, save(tensors, {"packed": json.dumps({"masked": about})}))


def test_what_a_file_may_claim_is_bounded_by_its_length(monkeypatch):
    """Else a few bytes would have a mask drawn row by row for an hour."""
    monkeypatch.setattr("bench.network.sparse.degree.degree_mask", lambda *_: pytest.fail("a mask is made"))
    about = {
        "0": {"form": "pattern", "shape": [1 << 27, 2], "pairs": False, "pattern": "sparse[density=1]@1"}
    }
    with pytest.raises(SeesawError, match="claims more than"):
        unpack(save({"0.weight.values": torch.ones(2)}, {"packed": json.dumps({"masked": about})}))


def test_masks_of_another_networks_shapes_are_not_even_made(monkeypatch):
    monkeypatch.setattr("bench.network.sparse.degree.cyclic_mask", lambda *_: pytest.fail("a mask is made"))
    about = {"0": {"form": "cyclic", "shape": [64, 64], "pairs": False}}
    tensors = {"0.weight.values": torch.ones(64), "0.weight.offsets": torch.zeros(1, dtype=torch.uint8)}
    with pytest.raises(SeesawError, match="another network's: 0 does not fit"):
        restore(nn.Sequential(nn.Linear(32, 32)), save(tensors, {"packed": json.dumps({"masked": about})}))
