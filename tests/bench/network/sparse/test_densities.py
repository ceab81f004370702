import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.network.sparse.densities import by_layer, erk, uniform
from tests.baselines.methods import plain

SHAPES = st.lists(
    st.tuples(st.integers(1, 64), st.integers(1, 64), st.sampled_from([(), (1, 1), (3, 3), (5, 3)])),
    min_size=1,
    max_size=6,
).map(lambda layers: [(outputs, inputs, *kernel) for outputs, inputs, kernel in layers])


@given(SHAPES, st.floats(0.01, 1))
@settings(deadline=None, max_examples=200)
def test_erk_is_the_formula_with_its_factor_found_by_bisection(shapes, density):
    densities = erk(shapes, density)
    assert densities == pytest.approx(plain.erk(shapes, density), rel=1e-6)
    counts = [math.prod(shape) for shape in shapes]
    kept = sum(one * count for one, count in zip(densities, counts, strict=True))
    assert kept == pytest.approx(density * sum(counts))
    assert all(0 < one <= 1 for one in densities)


def test_erk_of_a_hand_worked_pair():
    """Raw 1/8 + 1/8 and 1/2 + 1/2; at 40% of 68 weights the small layer is dense, the large keeps 23.2 of 64."""
    assert erk([(8, 8), (2, 2)], 0.4) == pytest.approx([23.2 / 64, 1.0])


def test_erk_of_a_hand_worked_kernel():
    """Sums 4 + 4 + 3 + 3 and 16 + 8 are 14 and 24 parts of a quarter of 272 weights: 68 / 38 a part."""
    assert erk([(4, 4, 3, 3), (16, 8)], 0.25) == pytest.approx([14 * 68 / 38 / 144, 24 * 68 / 38 / 128])


def test_uniform_is_one_density_for_all():
    assert uniform([(8, 8), (2, 2)], 0.4) == [0.4, 0.4]


@pytest.mark.parametrize("rule", ["erk", "uniform"])
def test_by_its_name_a_rule_leaves_every_layer_a_weight(rule):
    shapes = [(64, 64), (4, 4, 3, 3), (16, 8)]
    wanted = plain.erk(shapes, 0.25) if rule == "erk" else [0.25] * 3
    assert by_layer(rule, shapes, 0.25) == pytest.approx(wanted)
    assert by_layer(rule, shapes, 1e-9) == [1 / 4096, 1 / 144, 1 / 128]
