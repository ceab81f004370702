"""A factorised prior: a distribution, its tables and its bytes, against the sums that they must have."""

import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.codecs.prior import MOST, Prior

CHECK = runpy.run_path(str(Path(__file__).parents[3] / "benchmarks" / "prior_check.py"))
THEIRS = [
    [10.58112, 5.05048, 4.69195, 4.86456, 4.99747, 5.13344, 5.25858, 5.53855, 6.59498, 14.41935],
    [9.99862, 5.21691, 4.90434, 5.01129, 5.10956, 5.21936, 5.32766, 5.59417, 6.46546, 12.40736],
]
"""Bits of whole numbers by channel as CompressAI 1.2.8 gives them (`EntropyBottleneck`, double precision) with the parameters of
`benchmarks/prior_check.py`, which printed them."""


@pytest.fixture(scope="module")
def prior():
    """Learned for a channel of deviation 3 around 0, and one of deviation 1 around 20."""
    torch.manual_seed(0)
    prior = Prior(2)
    optimizer = torch.optim.Adam(prior.parameters(), lr=0.02)
    for _ in range(600):
        optimizer.zero_grad()
        prior.bits(drawn(256) + torch.rand(256, 2, 1) - 0.5).mean().backward()
        optimizer.step()
    prior.requires_grad_(False).settle()
    return prior


def drawn(count):
    return torch.stack([3 * torch.randn(count), 20 + torch.randn(count)], 1)[..., None]


def entropy(deviation):
    """Bits of a rounded normal number."""
    steps = torch.arange(-60, 61).double()
    normal = torch.distributions.Normal(0, deviation)
    p = normal.cdf(steps + 0.5) - normal.cdf(steps - 0.5)
    return float(-(p * p.clamp(min=1e-30).log2()).sum())


def test_bits_are_those_of_an_independent_program_on_the_same_parameters():
    torch.manual_seed(0)
    ours = CHECK["set_prior"](Prior(2))
    assert CHECK["bits_of"](ours).numpy() == pytest.approx(np.array(THEIRS), abs=2e-4)
    assert CHECK["bits_of"](ours.double()).numpy() == pytest.approx(np.array(THEIRS), abs=6e-6)


def test_probabilities_make_up_all():
    torch.manual_seed(1)
    steps = torch.arange(-2000.0, 2001)[None, None].repeat(3, 1, 1)
    p = Prior(3).requires_grad_(False).probability(steps).sum((1, 2))
    assert p.tolist() == pytest.approx([1, 1, 1], abs=1e-3)


def test_a_learned_prior_is_near_the_entropy_of_its_numbers(prior):
    numbers = drawn(4000).round()
    bits = float(prior.bits(numbers).mean())
    assert bits == pytest.approx(entropy(3) + entropy(1), rel=0.03)
    assert prior.median.tolist() == [pytest.approx(0, abs=1), pytest.approx(20, abs=1)]


def test_bytes_are_those_that_the_prior_expects_within_half_a_percent(prior):
    numbers = drawn(20_000).round()
    payload = prior.encode(numbers[..., 0].T.long().numpy())
    assert 8 * len(payload) == pytest.approx(float(prior.bits(numbers).sum()), rel=0.005)


@given(seed=st.integers(0, 1000), spread=st.sampled_from([0.0, 1.0, 30.0, 1e5]), count=st.integers(0, 50))
@settings(max_examples=40, deadline=None)
def test_any_numbers_come_back_those_outside_the_tables_too(prior, seed, spread, count):
    numbers = np.rint(spread * np.random.default_rng(seed).normal(size=(2, count))).astype(np.int64)
    assert np.array_equal(prior.decode(prior.encode(numbers), count), numbers)


def test_numbers_without_bound_are_cut(prior):
    numbers = np.array([[1 << 40, 3], [0, -(1 << 40)]])
    back = prior.decode(prior.encode(numbers), 2)
    assert back.tolist() == [[1 << 20, 3], [0, -(1 << 20)]]


def test_a_number_that_no_encoder_writes_is_refused(prior):
    payload = prior.encode(np.array([[1 << 20, 3], [0, 2]]))
    assert payload[-4:] == (1 << 20).to_bytes(4, "little")
    for lie in ((1 << 20) + 1, (1 << 31) - 1, -(1 << 31)):
        with pytest.raises(ValueError, match="which no encoder writes"):
            prior.decode(payload[:-4] + lie.to_bytes(4, "little", signed=True), 2)


def test_an_untrained_prior_codes_too():
    torch.manual_seed(0)
    fresh = Prior(1)
    fresh.settle()
    numbers = np.arange(-MOST - 5, MOST + 5)[None]
    assert np.array_equal(fresh.decode(fresh.encode(numbers), numbers.size), numbers)


@given(st.binary(max_size=64))
@settings(deadline=None)
def test_any_bytes_give_as_many_numbers_or_an_error(prior, payload):
    try:
        assert prior.decode(payload, 7).shape == (2, 7)
    except (ValueError, AssertionError):
        return
