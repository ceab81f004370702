import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import SeesawError, degree, mask_from


@given(st.integers(1, 40), st.integers(1, 40), st.data())
@settings(deadline=None)
def test_every_feasible_pattern_has_exact_degrees(inputs, outputs, data):
    steps = math.gcd(inputs, outputs)
    k = data.draw(st.integers(1, steps))
    mask = degree.degree_mask(inputs, outputs, outputs * k // steps, seed=data.draw(st.integers(0, 2**70)))
    assert set(mask.sum(0)) == {outputs * k // steps}
    assert set(mask.sum(1)) == {inputs * k // steps}


def test_the_seed_papers_pair_has_its_weights():
    junctions = [(800, 40, 2), (40, 40, 9), (40, 10, 10)]
    masks = [degree.degree_mask(*junction, seed=0) for junction in junctions]
    assert [int(mask.sum()) for mask in masks] == [1600, 360, 400]


def test_the_seed_decides_the_pattern():
    one, same, other = (degree.degree_mask(32, 16, 4, seed) for seed in (7, 7, 8))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_patterns_of_neighbouring_seeds_are_no_shifted_copies():
    masks = [degree.degree_mask(64, 64, 8, seed) for seed in range(6)]
    overlap = [int((a & b).sum()) for i, a in enumerate(masks) for b in masks[:i]]
    assert all(abs(count - 64) < 40 for count in overlap)


def _splitmix64(state):
    """The published generator, one number at a time, in whole numbers."""
    mask = (1 << 64) - 1
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 & mask
    state = (state ^ (state >> 27)) * 0x94D049BB133111EB & mask
    return state ^ (state >> 31)


@pytest.mark.parametrize(("seed", "row"), [(0, 0), (1, 0), (0, 1), (123456789, 77)])
def test_the_noise_never_changes(seed, row):
    golden, word = 0x9E3779B97F4A7C15, (1 << 64) - 1
    key = _splitmix64((seed + golden) & word)
    key = _splitmix64(key ^ _splitmix64((row * golden + 1) & word))
    expected = [(_splitmix64((key + i * golden) & word) >> 11) * 2.0**-53 for i in range(1, 6)]
    assert degree.seeded_noise(seed, row, 5).tolist() == expected


def test_noise_is_uniform():
    values = np.concatenate([degree.seeded_noise(3, row, 1000) for row in range(20)])
    assert abs(values.mean() - 0.5) < 0.01
    assert np.histogram(values, 10, (0, 1))[0].min() > 1800


@pytest.mark.parametrize(("inputs", "outputs", "fan_out"), [(784, 100, 7), (10, 4, 3), (4, 4, 0), (4, 4, 5)])
def test_an_infeasible_fan_out_names_the_nearest(inputs, outputs, fan_out):
    with pytest.raises(SeesawError, match="nearest"):
        degree.degree_mask(inputs, outputs, fan_out, 0)


def test_an_infeasible_density_names_the_nearest_below_and_above():
    with pytest.raises(SeesawError, match=r"nearest feasible are 0.0625 \(1/16\) and 0.125 \(2/16\)"):
        degree.fan_out_of(16, 16, 0.1)
    with pytest.raises(SeesawError, match=r"nearest feasible is 0.25 \(1/4\)$"):
        degree.fan_out_of(784, 300, 0.1)
    assert degree.fan_out_of(784, 300, 0.1, nearest=True) == 75
    assert degree.fan_out_of(16, 16, 0.125) == 2


def test_the_nearest_feasible_really_are_feasible():
    for inputs, outputs in [(784, 300), (16, 24), (7, 13)]:
        steps = degree.admissible(inputs, outputs)
        for k in range(1, steps + 1):
            assert degree.check(inputs, outputs, degree.fan_out_of(inputs, outputs, k / steps)) >= 1


def test_a_line_makes_the_mask_again_over_whole_kernels():
    mask = mask_from("sparse[density=0.25]@5", (8, 4, 3, 3))
    pairs = torch.from_numpy(degree.degree_mask(4, 8, 2, 5))
    assert torch.equal(mask, pairs[:, :, None, None].expand(8, 4, 3, 3))


LINES = [
    "",
    "sparse",
    "sparse@x",
    "sparse@",
    "nobody@1",
    "dense@1",
    "evil.py:Evil@1",
    "sparse[density=0.3]@1",
    "@1",
]


@pytest.mark.parametrize("line", LINES)
def test_a_line_that_is_not_understood_is_a_sentence(line):
    with pytest.raises(SeesawError):
        mask_from(line, (8, 4))
