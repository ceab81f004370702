import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from bench import SeesawError, hide, mask_from, mask_of, pack, unpack
from bench.network.sparse.values import narrow, widen
from bench.shipping.packed.pack import packings, restore, rounded
from tests.bench.small import FORMS, network


def assert_same(one, other):
    for key, value in one.state_dict().items():
        if not key.endswith("num_batches_tracked"):
            assert torch.equal(value, other.state_dict()[key]), key


@pytest.mark.parametrize("form", FORMS)
def test_every_format_gives_back_the_same_network_bit_for_bit(form):
    net, twin = network(pattern=True), network(pattern=True)
    restore(twin, pack(net, form))
    assert_same(net, twin)


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


@pytest.mark.parametrize("form", FORMS)
def test_a_layer_by_itself_is_a_module_too(form):
    one, other = (linear(seed) for seed in (1, 2))
    if (data := pack(one, form)) is not None:
        restore(other, data)
        assert torch.equal(other.weight, one.weight)
        if form != "dense":  # which says no masks
            assert torch.equal(other.weight_mask, one.weight_mask)


def linear(seed):
    torch.manual_seed(seed)
    layer = nn.Linear(8, 4)
    hide(layer, torch.rand(4, 8) < 0.5)
    return layer


def test_a_mask_that_would_hide_weights_of_the_file_is_gone_afterwards():
    net, dense = linear(1), nn.Linear(8, 4)
    restore(net, pack(dense, "dense"))
    assert mask_of(net) is None
    assert torch.equal(net.weight, dense.weight)
    tensors, _ = unpack(pack(net, "bitmap"))
    assert torch.equal(tensors["weight"], dense.weight)


@pytest.mark.parametrize(
    ("number", "values"), [(torch.nan, "float32"), (torch.inf, "int8"), (70_000.0, "float16")]
)
def test_numbers_that_cannot_be_written_are_refused_by_name(number, values):
    net = nn.Sequential(nn.Linear(4, 4))
    net[0].weight.data[1, 2] = number
    with pytest.raises(
        SeesawError, match=rf"0\.weight has numbers that are not finite, or too large for {values}"
    ):
        pack(net, "dense", values)


def test_numbers_of_another_type_are_refused():
    with pytest.raises(SeesawError, match=r"0\.weight is float64.*net\.float"):
        pack(nn.Sequential(nn.Linear(4, 4)).double(), "dense")


def test_a_weight_that_two_layers_share_is_written_twice():
    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    net[1].weight = net[0].weight
    tensors, _ = unpack(pack(net, "dense"))
    assert torch.equal(tensors["0.weight"], tensors["1.weight"])
