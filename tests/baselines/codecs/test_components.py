"""A waist begins at what the best linear code loses, whatever the shape of its features, and goes on from there."""

import pytest
import torch

from baselines.codecs.components import Components
from baselines.codecs.entropic import Entropic
from baselines.codecs.filter import Filter
from baselines.codecs.progressive import Progressive
from baselines.codecs.reconstruction import Reconstruction
from baselines.codecs.variable_rate import UnitsCoder, VariableRate

WIDTH, RANK = 12, 4
MAPS, TEXTS, ROWS = (WIDTH, 6, 5), (WIDTH, 9), (WIDTH,)


def features(shape, noise=0.05, count=200):
    """Features whose channels follow from four numbers a place, but for some noise."""
    generator = torch.Generator().manual_seed(3)
    places = shape[1:]
    inner = torch.randn(count, *places, RANK, generator=generator) * torch.tensor([4.0, 2.0, 1.0, 0.5])
    mixed = inner @ torch.randn(RANK, WIDTH, generator=generator) + 3
    noisy = mixed + noise * torch.randn(mixed.shape, generator=generator)
    return noisy.movedim(-1, 1).contiguous()


def rows(x):
    return x.movedim(1, -1).reshape(-1, WIDTH)


def error(coder, x):
    with torch.no_grad():
        return float((coder.eval()(x)[0] - x).square().mean())


def least(x, count):
    """What the best linear code of so many numbers loses."""
    flat = rows(x) - rows(x).mean(0)
    return float(torch.linalg.svdvals(flat)[count:].square().sum() / flat.numel())


@pytest.mark.parametrize("shape", [MAPS, TEXTS, ROWS], ids=["maps", "texts", "rows"])
@pytest.mark.parametrize("codec", [Reconstruction(channels=3), Progressive(channels=3), Entropic(channels=3, beta=1e-4)], ids=lambda one: type(one).__name__)  # fmt: skip
def test_a_waist_begins_near_what_the_best_linear_code_loses(shape, codec):
    x = features(shape)
    coder = codec.coder(shape).train()
    before = error(coder, x)
    coder.train().begin(x)
    bound = least(x, 3)
    assert 0.95 * bound < error(coder, x) < 1.25 * bound + 0.01 * float(x.var())
    assert error(coder, x) < 0.2 * before


def test_where_maps_become_smaller_their_means_are_carried():
    x = features((WIDTH, 2, 2), noise=0.0).repeat_interleave(4, 2).repeat_interleave(4, 3)
    coder = Reconstruction(channels=RANK, stride=4).coder(x.shape[1:])
    before = error(coder, x)
    coder.begin(x)
    assert error(coder, x) < 0.5 * before


def test_a_finer_step_costs_more_bits_and_loses_less():
    x = features(MAPS)
    errors, sizes = [], []
    for beta in (1e-3, 1e-1, 10.0):
        coder = Entropic(channels=RANK, beta=beta).coder(MAPS).eval()
        coder.begin(x)
        errors.append(error(coder, x))
        with torch.no_grad():
            sizes.append(float(coder.encoder(x).round().abs().sum()))
    assert errors == sorted(errors)
    assert sizes == sorted(sizes, reverse=True)


def test_training_that_goes_on_does_not_begin_anew():
    x = features(MAPS)
    coder = Entropic(channels=RANK).coder(MAPS)
    coder.begin(x)
    with torch.no_grad():
        coder.encoder[0].weight += 1
    trained = coder.encoder[0].weight.clone()
    coder.begin(x)
    assert torch.equal(coder.encoder[0].weight, trained)


def test_each_unit_begins_when_it_is_trained():
    x = features(MAPS)
    coder = VariableRate(betas=(1e-4, 1e-2), channels=RANK).coder(MAPS)
    assert isinstance(coder, UnitsCoder)
    coder.use(1)
    coder.begin(x)
    assert [one.has_begun for one in coder.coders] == [False, True]


def test_a_filter_begins_with_the_waist_behind_it():
    x = features(MAPS)
    coder = Filter(channels=RANK).coder(MAPS)
    coder.begin(x)
    coder.threshold = 2.0  # all are sent
    assert error(coder, x) < 0.1 * float(x.var())


def test_features_that_do_not_differ_have_no_components():
    x = torch.full((8, *MAPS), 2.0)
    assert len(Components.of(rows(x), 5).axes) == 0
    coder = Reconstruction(channels=3).coder(MAPS)
    start = coder.encoder[0].weight.clone()
    coder.begin(x)
    assert torch.equal(coder.encoder[0].weight, start)


def test_components_are_those_along_which_features_differ_most():
    x = rows(features(MAPS, noise=0.0))
    found = Components.of(x, WIDTH)
    assert len(found.axes) == RANK
    assert torch.allclose(found.axes @ found.axes.T, torch.eye(RANK), atol=1e-5)
    assert found.deviation.tolist() == sorted(found.deviation.tolist(), reverse=True)
    assert torch.allclose((x - found.mean) @ found.axes.T @ found.axes + found.mean, x, atol=1e-4)
