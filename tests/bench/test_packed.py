import contextlib
import json
import struct

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save
from torch import nn

from bench import SeesawError, hide, mask_from, mask_of, pack, unpack
from bench.packed import packings, restore, rounded
from bench.sparse.values import narrow, widen

FORMS = ("dense", "bitmap", "indexed", "delta", "pattern", "mixed")


def network(pattern=False):
    net = nn.Sequential(nn.Conv2d(4, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(16, 8))
    net[1].running_mean.normal_()
    if pattern:
        for layer, density in ((net[0], 0.25), (net[3], 0.5)):
            line = f"sparse[density={density}]@3"
            hide(layer, mask_from(line, layer.weight.shape), line)
    else:
        hide(net[0], torch.rand(8, 4, 3, 3) < 0.3)
        hide(net[3], torch.rand(8, 16) < 0.3)
    return net


def assert_same(one, other):
    for key, value in one.state_dict().items():
        if not key.endswith("num_batches_tracked"):
            assert torch.equal(value, other.state_dict()[key]), key


@pytest.mark.parametrize("form", FORMS)
def test_every_format_gives_back_the_same_network_bit_for_bit(form):
    net, twin = network(pattern=True), network(pattern=True)
    restore(twin, pack(net, form))
    assert_same(net, twin)


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


def test_kernels_kept_whole_are_indexed_by_pairs():
    assert len(pack(network(pattern=True), "bitmap")) < len(pack(network(), "bitmap"))


def test_the_pattern_format_keeps_no_index_and_only_applies_where_a_pattern_makes_the_mask():
    net = nn.Sequential(nn.Linear(256, 256, bias=False))
    line = "sparse@1"
    hide(net[0], mask_from(line, (256, 256)), line)
    values = 4 * 256 * 32
    assert values < len(pack(net, "pattern")) < values + 400
    assert values + 256 * 256 // 8 < len(pack(net, "bitmap"))
    assert pack(network(), "pattern") is None
    hide(net[0], torch.rand(256, 256) < 0.1, line)
    assert pack(net, "pattern") is None


def test_a_dense_network_has_one_packing():
    assert list(packings(nn.Linear(3, 2))) == ["dense"]
    assert list(packings(network(pattern=True))) == list(FORMS)


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
def test_sizes_that_lie_are_found_before_they_are_used(shape):
    with pytest.raises(SeesawError, match="no whole packed network"):
        unpack(forged(shape=shape))


def test_a_foreign_file_is_a_sentence():
    for data in (save({"x": torch.ones(1)}), struct.pack("<Q", 1 << 60) + b"{}", b"PK\x03\x04" * 9):
        with pytest.raises(SeesawError, match="no whole packed network"):
            unpack(data)


def test_another_networks_bytes_are_refused_by_name():
    with pytest.raises(SeesawError, match="another network's"):
        restore(nn.Linear(3, 2), pack(nn.Linear(3, 3), "dense"))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("values", ["float16", "int8"])
def test_narrow_values_come_back_as_they_were_rounded_and_are_written_again_as_the_same_bytes(form, values):
    net, twin = network(pattern=True), network(pattern=True)
    whole = [layer.weight.detach().clone() for layer in (net[0], net[3])]
    data = pack(net, form, values)
    restore(twin, data)
    rounded(net, values)
    assert_same(net, twin)
    assert pack(twin, form, values) == data
    for before, layer in zip(whole, (net[0], net[3]), strict=True):
        step = before.abs().flatten(1).amax(1) / 127 if values == "int8" else before.abs().max() / 1024
        miss = (layer.weight.detach() - before).abs().flatten(1).amax(1)
        assert bool((miss <= 0.501 * step + 1e-9).all())
        assert float(miss.max()) > 0


@given(st.integers(1, 5), st.integers(1, 40), st.integers(-30, 30), st.integers(0, 2**31))
@settings(deadline=None)
def test_int8_is_exact_the_second_time_at_any_size_of_numbers(outputs, inputs, power, seed):
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(outputs, inputs, generator=generator) * 2.0**power
    weight[0] = 0.0
    stored, scale = narrow(weight, "int8")
    once = widen(stored, scale[:, None])
    again, scale_again = narrow(once, "int8")
    assert torch.equal(stored, again)
    assert torch.equal(scale[stored.any(1)], scale_again[stored.any(1)])
    assert torch.equal(once[0], torch.zeros(inputs))


def test_seed_coded_bytes_are_an_eighth_and_with_int8_a_thirtieth_of_dense_ones():
    layer = nn.Linear(1024, 1024)
    dense = len(pack(nn.Sequential(layer), "dense"))
    hide(layer, mask_from("sparse[density=0.125]@3", layer.weight.shape), "sparse[density=0.125]@3")
    packed = {
        values: len(pack(nn.Sequential(layer), "pattern", values))
        for values in ("float32", "float16", "int8")
    }
    assert packed["float32"] <= 0.13 * dense
    assert packed["float16"] <= 0.065 * dense
    assert packed["int8"] <= 0.035 * dense


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


def test_a_parameter_that_is_called_scale_is_left_alone():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(2, 2)
            self.scale = nn.Parameter(torch.ones(2) * 3)

    net, twin = Scaled(), Scaled()
    rounded(net, "int8")
    restore(twin, pack(net, "dense", "int8"))
    assert_same(net, twin)


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
    hide(layer, mask_from("diagonal[density=0.125]@0", (64, 96)))  # and nobody says how it was made
    found = sizes(layer)
    assert found["cyclic"] == min(found.values())
    assert "pattern" not in found
    assert torch.equal(unpack(pack(nn.Sequential(layer), "cyclic"))[1]["0"], layer.weight_mask)


def test_what_repeats_keeps_one_period():
    layer = nn.Conv2d(16, 32, 3)
    hide(layer, mask_from("kernel[density=0.25]@0", (32, 16, 3, 3)))
    found = sizes(layer)
    assert found["periodic"] == min(found.values())
    assert torch.equal(unpack(pack(nn.Sequential(layer), "periodic"))[1]["0"], layer.weight_mask)


def test_what_is_no_diagonals_and_does_not_repeat_has_neither_format():
    layer = nn.Linear(40, 30)
    hide(layer, torch.rand(30, 40) < 0.3)
    assert set(sizes(layer)) == {"bitmap", "indexed", "delta", "mixed"}


def test_mixed_takes_for_every_layer_what_makes_it_smallest():
    net = nn.Sequential(nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 64))
    hide(net[0], torch.rand(64, 64) < 0.4)
    hide(net[1], mask_from("diagonal[density=0.25]@0", (64, 64)))
    hide(net[2], torch.rand(64, 64) < 0.01)
    assert pack(net, "cyclic") is None
    assert len(pack(net, "mixed")) < min(len(pack(net, form)) for form in ("bitmap", "indexed", "delta"))
    tensors, masks = unpack(pack(net, "mixed"))
    assert all(torch.equal(masks[str(n)], net[n].weight_mask) for n in range(3))
    assert all(torch.equal(tensors[f"{n}.weight"], net[n].weight) for n in range(3))


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
