"""Weights that a network has under several names: packed once, and read back under all of them."""

import copy
import json

import pytest
import torch
from safetensors.torch import load, save
from torch import nn

from bench import SeesawError, hide, mask_of, pack
from bench.shipping.packed.pack import FORMS, inference_state, packings, restore
from bench.shipping.packed.unpack import metadata, unpack
from bench.shipping.packed.weights import load_weights


class Tied(nn.Module):
    """Three layers and an embedding of one weight, and one module in two places; masks only where asked for."""

    def __init__(self, *masked):
        super().__init__()
        self.words = nn.Embedding(16, 16)
        self.one, self.two, self.three = (nn.Linear(16, 16) for _ in range(3))
        self.norm = self.again = nn.BatchNorm1d(16)
        self.one.weight = self.two.weight = self.three.weight = self.words.weight
        for name in masked:
            hide(getattr(self, name), torch.arange(256).reshape(16, 16) % 4 != len(name) - 3)


@pytest.mark.parametrize("masked", [(), ("two",), ("one", "three"), ("one", "two")])
@pytest.mark.parametrize("values", ["float32", "int8"])
def test_shared_weights_are_written_once_and_come_back_everywhere(masked, values):
    net, twin = Tied(*masked), Tied()
    for form in FORMS:
        if (data := pack(net, form, values)) is None:
            continue
        size = 256 * (4 if values == "float32" else 1)
        index = 256 // 8 if form == "bitmap" else 1100
        assert len(data) < size + 6 * 64 + index + 1500
        tensors, masks = unpack(data)
        assert tensors.keys() == inference_state(net).keys()
        assert all(
            torch.equal(tensors[f"{name}.weight"], tensors["words.weight"])
            for name in ("one", "two", "three")
        )
        assert masks.keys() == set(masked) if form != "dense" else not masks
        if values == "float32":
            restore(twin, data)
            assert all(
                torch.equal(a, b)
                for a, b in zip(inference_state(net).values(), inference_state(twin).values(), strict=True)
            )
            assert twin.one.weight is twin.words.weight


def test_shared_weights_take_the_bytes_of_one():
    alone, tied = (
        nn.Sequential(nn.Linear(64, 64, bias=False)),
        nn.Sequential(*(nn.Linear(64, 64, bias=False) for _ in range(3))),
    )
    for layer in tied[1:]:
        layer.weight = tied[0].weight
    for net in (alone, tied):
        for layer in net:
            hide(layer, torch.arange(4096).reshape(64, 64) % 8 == 0)
    for form, data in packings(tied).items():
        assert len(data) < len(packings(alone)[form]) + 300
    assert int(mask_of(tied[2]).sum()) == 512


def test_a_network_without_shared_weights_is_packed_as_ever():
    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    net[1].load_state_dict(copy.deepcopy(net[0].state_dict()))  # equal numbers are not shared ones
    data = pack(net, "dense")
    assert json.loads(metadata(data)["packed"]) == {"masked": {}}
    assert len(load(data)) == 4


@pytest.mark.parametrize("shared", [{"a": "b"}, {"0.weight": "0.weight"}, {"a": 1}, [1], {"a": {}}])
def test_names_that_stand_for_nothing_are_a_sentence(shared):
    tensors = load(pack(nn.Sequential(nn.Linear(4, 4)), "dense"))
    with pytest.raises(SeesawError, match="no whole packed network"):
        unpack(save(tensors, {"packed": json.dumps({"masked": {}, "shared": shared})}))
    with pytest.raises(SeesawError, match="no whole packed network"):
        unpack(save(tensors, {"packed": json.dumps({"masked": {"0": {"same": "1"}}})}))


def test_a_packed_file_with_shared_weights_can_be_started_from(tmp_path):
    net, twin = Tied(), Tied()
    (tmp_path / "a.safetensors").write_bytes(pack(net, "dense", "int8"))
    load_weights(twin, tmp_path / "a.safetensors")
    torch.testing.assert_close(twin.two.weight, net.two.weight, atol=0.05, rtol=0)
