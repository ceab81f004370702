"""Every predefined method against its paper's counts, exact degrees, and the line that makes its masks again.

Covers: baselines/methods/block.py, baselines/methods/clash_free.py, baselines/methods/diagonal.py,
    baselines/methods/group.py, baselines/methods/kernel.py, baselines/methods/radix.py,
    baselines/methods/random.py, baselines/methods/shared.py, baselines/methods/sparse.py,
    bench/kinds/bases/predefined.py
"""

import itertools
import math
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.methods.clash_free import ClashFree, possible
from baselines.methods.radix import Radix, strides
from bench import Backbone, Infeasible, Method, Net, Sample, SeesawError, degree, mask_from, mask_of, maskable
from bench.kinds.bases.predefined import Predefined
from bench.kinds.build import assemble
from bench.kinds.exits import Exits
from bench.plugins.plugin import choose
from bench.testing import TinyTask
from tests.baselines.methods import plain

PREDEFINED = ("sparse", "clash-free", "block", "shared", "group", "diagonal", "radix", "kernel", "random")
EXACT = ("sparse", "clash-free", "block", "group", "diagonal", "radix")
SHAPES = ((32, 16), (16, 32), (64, 64), (48, 32), (16, 16, 3, 3), (32, 16, 5, 5), (32, 16, 1, 1))


class Untrained:
    """What a method is lent, where it must not train."""

    seed, device, cut = 0, torch.device("cpu"), None


def method(spec):
    return choose(Method, spec).plugin


@pytest.mark.parametrize("name", PREDEFINED)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("density", [0.125, 0.25, 0.5])
def test_the_count_is_exact_wherever_the_density_is_feasible(name, shape, density):
    nearest = method(f"{name}[density={density},nearest=true]").mask(shape, 3)
    try:
        mask = method(f"{name}[density={density}]").mask(shape, 3)
    except SeesawError as error:
        densities = [float(word) for word in re.findall(r"(0?\.\d+|1) \(", str(error))]
        shares = []
        for one in densities:  # typed as it was densities
            mask = method(f"{name}[density={one}]").mask(shape, 3)
            shares.append(float(mask.double().mean()))
            assert shares[-1] == pytest.approx(one, rel=1e-5)
        assert float(nearest.double().mean()) in shares
        return
    assert int(mask.sum()) == round(density * math.prod(shape))
    assert torch.equal(mask, nearest)
    assert mask.shape == torch.Size(shape)


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_output_has_the_same_fan_in_and_every_input_the_same_fan_out(name, shape):
    mask = method(f"{name}[density=0.25]").mask(shape, 11)
    pairs = mask.reshape(*shape[:2], -1)
    assert bool((pairs.any(2) == pairs.all(2)).all())
    assert len(set(pairs.any(2).sum(1).tolist())) == 1
    assert len(set(pairs.any(2).sum(0).tolist())) == 1


@pytest.mark.parametrize("name", PREDEFINED)
def test_a_line_makes_the_mask_again(name):
    chosen = method(f"{name}[density=0.25]")
    net = assemble(
        choose(Backbone, "resnet[depth=8]").plugin, TinyTask().about(), choose(Exits, "joint").plugin
    )
    assert isinstance(chosen, Predefined)
    chosen.prepare(net, type("Train", (), {"seed": 4, "cut": None})())
    lines = [layer for layer in net.modules() if getattr(layer, "weight_pattern", None)]
    assert len(lines) == len(maskable(net))
    for layer in lines:
        assert torch.equal(mask_from(layer.weight_pattern, layer.weight.shape), layer.weight_mask)


@pytest.mark.parametrize("name", sorted(set(PREDEFINED) - {"radix", "kernel"}))
def test_the_seed_decides(name):
    one, same, other = (method(f"{name}[density=0.25]").mask((64, 32), seed) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_the_published_counts_of_clash_free_patterns():
    assert [possible(9, 2, 3, type) for type in (1, 2, 3)] == [46656, 729, 27]
    assert [possible(12, 2, 4, type, fan_in=2) for type in (2, 3)] == [236196, 486]  # with dither


@pytest.mark.parametrize("type", [1, 2, 3])
def test_all_clash_free_patterns_of_a_small_case_are_drawn_and_no_others(type):
    """p=4, z=2, fan-out 1: D=2, so 4 ways for each type, found by listing all address orders."""
    patterns = {tuple(ClashFree(type=type).interleaved(4, 1, 2, seed)) for seed in range(300)}
    orders = list(itertools.permutations(range(2)))
    expected = set()
    for a, b in itertools.product(orders, orders):
        expected.add(
            tuple(
                address * 2 + memory
                for cycle in range(2)
                for memory, address in enumerate((a[cycle], b[cycle]))
            )
        )
    assert patterns == expected
    assert len(patterns) == possible(4, 1, 2, type)


@pytest.mark.parametrize("type", [1, 2, 3])
@pytest.mark.parametrize("dither", [False, True])
def test_no_cycle_reads_a_memory_twice_and_every_sweep_reads_every_input(type, dither):
    z, inputs, fan_out = 4, 24, 3
    edges = ClashFree(type=type, dither=dither).interleaved(inputs, fan_out, z, 5)
    for cycle in edges.reshape(-1, z):
        assert sorted(cycle % z) == list(range(z))
    for sweep in edges.reshape(fan_out, inputs):
        assert sorted(sweep) == list(range(inputs))


@pytest.mark.parametrize("dither", [False, True])
def test_starts_and_orders_are_drawn_anew_in_each_sweep_for_type_2_and_kept_for_type_3(dither):
    def sweeps(type):
        edges = ClashFree(type=type, dither=dither).interleaved(64, 6, 4, 9).reshape(6, 16, 4)
        return {(tuple(sweep[0] // 4), tuple(sweep[0] % 4)) for sweep in edges}

    assert len(sweeps(3)) == 1
    assert len(sweeps(2)) > 1
    assert (len({order for _, order in sweeps(2)}) > 1) == dither


def test_all_dithered_patterns_of_a_small_case_are_drawn_and_no_others():
    """p=4, z=2, fan-out 1, fan-in 1: an order of the memories makes another mask, since each edge has its own output."""
    patterns = {ClashFree(type=3, z=2, density=1 / 4, dither=True).mask((4, 4), seed) for seed in range(400)}
    assert len({tuple(mask.flatten().tolist()) for mask in patterns}) == possible(4, 1, 2, 3, fan_in=1) == 8


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_clash_free_pattern_has_a_double_edge(data):
    """Any feasible density, any number of memories: exact degrees, and every cycle still reads every memory once."""
    step = data.draw(st.integers(1, 12))
    inputs, outputs = step * data.draw(st.integers(1, 8)), step * data.draw(st.integers(1, 8))
    common = math.gcd(inputs, outputs)
    density = data.draw(st.integers(1, common)) / common
    z = data.draw(st.sampled_from([n for n in range(1, inputs + 1) if inputs % n == 0]))
    chosen = ClashFree(type=data.draw(st.sampled_from([1, 2, 3])), z=z, density=density)
    seed = data.draw(st.integers(0, 10**6))
    mask = chosen.mask((outputs, inputs), seed)
    assert set(mask.sum(1).tolist()) == {round(density * inputs)}
    assert set(mask.sum(0).tolist()) == {round(density * outputs)}
    edges = chosen.interleaved(inputs, round(density * outputs), z, seed, fan_in=round(density * inputs))
    assert all(sorted(cycle % z) == list(range(z)) for cycle in edges.reshape(-1, z))
    assert all(sorted(sweep) == list(range(inputs)) for sweep in edges.reshape(-1, inputs))


@pytest.mark.parametrize("seed", range(20))
def test_dither_gives_exact_degrees(seed):
    mask = ClashFree(type=2, z=8, density=5 / 16, dither=True).mask((64, 128), seed)
    assert set(mask.sum(1).tolist()) == {40}
    assert set(mask.sum(0).tolist()) == {20}


def test_where_dither_leaves_no_pattern_a_sentence_says_so():
    chosen = ClashFree(type=2, z=4, density=7 / 8, dither=True)
    with pytest.raises(SeesawError, match="Leave dither out"):
        [chosen.mask((8, 8), seed) for seed in range(50)]


def test_memories_that_do_not_divide_the_inputs_are_a_sentence():
    with pytest.raises(SeesawError, match="5 memories do not divide 32 inputs"):
        method("clash-free[z=5]").mask((16, 32), 0)


def test_the_published_kernel_supports():
    """pSC4 with period 8: seven kernels of four taps, one of nine: 37/72 (Kundu et al.)."""
    mask = method(f"kernel[density={37 / 72}]").mask((16, 16, 3, 3), 0)
    four = {1: [0, 1, 3, 4], 2: [1, 2, 4, 5], 3: [3, 4, 6, 7], 0: [4, 5, 7, 8]}
    for output in range(16):
        for input_ in range(16):
            c = (output + input_ + 1) % 8
            taps = mask[output, input_].flatten().nonzero().flatten().tolist()
            assert taps == (list(range(9)) if c == 0 else four[c % 4])


@pytest.mark.parametrize("shape", [(4, 9, 3, 3), (9, 4, 3, 3), (10, 15, 3, 3), (4, 6, 3, 3, 3), (6, 6, 5)])
@pytest.mark.parametrize("period", [1, 4, 6, 8])
def test_kernel_supports_keep_an_exact_count_in_kernels_of_any_dimension(shape, period):
    one = method(f"kernel[density=0.5,period={period},nearest=true]")
    mask = one.mask(shape, 0)
    taps = math.prod(shape[2:])
    whole = max(math.gcd(period, shape[0]), math.gcd(period, shape[1]))
    assert float(mask.float().mean()) == pytest.approx(round(0.5 * taps * whole) / (taps * whole))


def test_a_density_that_no_block_makes_is_told_in_the_layers_own_widths():
    with pytest.raises(Infeasible, match="in blocks of 2 x 2 between 12 inputs and 8 outputs"):
        method("block[density=0.3]").mask((8, 12), 0)


def test_only_an_infeasible_density_is_advised_to_take_the_nearest():
    net = assemble(choose(Backbone, "mlp").plugin, TinyTask().about(), choose(Exits, "single").plugin)
    with pytest.raises(SeesawError, match="nearest=true"):
        method("sparse[density=0.123]").fit(net, Untrained())
    with pytest.raises(SeesawError, match=r"do not divide") as error:
        method("clash-free[z=7]").fit(net, Untrained())
    assert "nearest" not in str(error.value)


def two_layers(*widths):
    net = Net([torch.nn.Linear(a, b) for a, b in itertools.pairwise(widths)], Sample((widths[0],)), 3)
    net.hang(len(widths) - 2, torch.nn.Linear(widths[-1], 3))
    return net


@pytest.mark.parametrize(
    ("widths", "start", "advice"),
    [
        ((40, 60, 48), 0.15, "All layers have 0.25: ask for that"),  # twentieths and twelfths: quarters
        ((40, 60, 48), 0.3, "All layers have 0.25 or 0.5: ask for that"),
        ((7, 5, 3), 0.3, "All layers have 1: ask for that"),
    ],
)
def test_the_densities_that_are_advised_are_those_that_every_layer_has(widths, start, advice):
    with pytest.raises(SeesawError, match=re.escape(advice)) as error:
        method(f"sparse[density={start}]").fit(two_layers(*widths), Untrained())
    for density in re.findall(r"[\d.]+", advice):
        method(f"sparse[density={density}]").prepare(two_layers(*widths), Untrained())
    assert str(error.value).endswith("let every layer take its nearest: nearest=true.")


def test_where_the_density_of_a_layer_follows_from_a_rule_none_is_advised():
    with pytest.raises(SeesawError, match=r"\. Let every layer take its nearest") as error:
        method("sparse[density=0.3,layers=erk]").fit(two_layers(40, 60, 48), Untrained())
    assert "All layers have" not in str(error.value)


def test_random_leaves_every_layer_a_weight():
    for rule in ("erk", "uniform"):
        net = assemble(choose(Backbone, "lenet").plugin, TinyTask().about(), choose(Exits, "single").plugin)
        method(f"random[density=1e-6,layers={rule}]").prepare(net, Untrained())
        assert {int(mask_of(layer).sum()) for layer in maskable(net).values()} == {1}


def test_groups_see_only_their_own_inputs():
    mask = method("group[density=0.25]").mask((32, 16), 2)
    rows = {tuple(row) for row in mask.int().tolist()}
    assert len(rows) == 4
    assert np.array(sorted(rows)).sum(0).tolist() == [1] * 16
    with pytest.raises(
        SeesawError, match=r"0.25 \(4 groups\) and 0.5 \(2 groups\)|0.5 \(2 groups\) and 0.25 \(4 groups\)"
    ):
        method("group[density=0.3]").mask((32, 16), 2)


def test_blocks_are_whole():
    mask = method("block[density=0.25,size=4]").mask((32, 16), 2)
    blocks = mask.reshape(8, 4, 4, 4).permute(0, 2, 1, 3).reshape(32, 16)
    assert set(blocks.sum(1).tolist()) == {0, 16}


def test_neighbouring_outputs_share_an_index_set():
    mask = method("shared[density=0.25,outputs=8]").mask((32, 16), 2)
    for group in mask.reshape(4, 8, 16):
        assert bool((group == group[0]).all())
    assert set(mask.sum(1).tolist()) == {4}
    assert set(mask.sum(0).tolist()) == {8}  # 4 sets of 4 over 16 inputs: each input in one set


@given(st.integers(1, 30), st.integers(1, 30), st.data())
@settings(deadline=None)
def test_a_balanced_pattern_has_exact_fan_in_and_nearly_equal_fan_out(inputs, outputs, data):
    fan_in = data.draw(st.integers(1, inputs))
    mask = degree.balanced_mask(inputs, outputs, fan_in, data.draw(st.integers(0, 2**40)))
    assert set(mask.sum(1)) == {fan_in}
    assert mask.sum(0).max() - mask.sum(0).min() <= 1


def test_in_a_radix_net_all_inputs_reach_all_outputs_equally_often():
    """Three layers of radix 4 on 64 neurons: 64 paths from every input to every output... one each."""
    layers = [method("radix[density=0.0625]").mask((64, 64), number).double() for number in range(3)]
    paths = layers[2] @ layers[1] @ layers[0]
    assert bool((paths == 1).all())


@pytest.mark.parametrize("ring", [2, 8, 12, 16, 24, 27, 32, 36, 64, 72, 100, 128])
def test_every_feasible_radix_reaches_all_outputs_equally_often(ring):
    """Whether the places are a power of the radix or not: after as many layers as it has strides."""
    feasible = [radix for radix in range(1, ring + 1) if strides(ring, radix)]
    assert ring in feasible
    for radix in feasible:
        steps = strides(ring, radix)
        one = Radix(density=radix / ring)
        product = torch.eye(ring, dtype=torch.double)
        for number in range(len(steps)):
            layer = one.mask((ring, ring), number)
            assert set(layer.sum(0).tolist()) == set(layer.sum(1).tolist()) == {radix}
            product = layer.double() @ product
        assert len(product.unique()) == 1
        if radix ** round(math.log(ring, radix)) == ring:  # the paper's own case: one path each
            assert steps == [radix**digit for digit in range(len(steps))]
            assert float(product[0, 0]) == 1


def test_radices_of_hand_worked_rings():
    assert strides(128, 16) == [1, 8]  # 0..15 and multiples of 8: two paths each
    assert strides(48, 6) == []
    assert strides(48, 24) == [1, 2]
    with pytest.raises(Infeasible, match=re.escape("the nearest feasible are 0.25 (12/48) and 0.5 (24/48)")):
        method("radix[density=0.3]").mask((48, 48), 0)


def test_random_counts_follow_erk_exactly():
    net = assemble(
        choose(Backbone, "mlp[widths=32:16]").plugin, TinyTask().about(), choose(Exits, "joint").plugin
    )
    method("random[density=0.2]").prepare(net, type("Train", (), {"seed": 0, "cut": None})())
    layers = [layer for layer in net.modules() if hasattr(layer, "weight_mask")]
    shapes = [tuple(layer.weight.shape) for layer in layers]
    for layer, density in zip(layers, plain.erk(shapes, 0.2), strict=True):
        assert int(layer.weight_mask.sum()) == round(density * layer.weight.numel())
