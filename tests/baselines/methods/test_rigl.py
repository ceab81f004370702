import pytest
import torch
from torch.func import functional_call

from bench.runs.training.data import Strides
from tests.baselines.methods.plain import best, budget, convolutions, cross_entropy, method
from tests.baselines.methods.test_set import changes, trained


@pytest.mark.parametrize("rule", ["erk", "uniform"])
def test_it_grows_where_the_dense_gradient_is_largest(rule):
    """Algorithm 1 of Evci et al. 2020: the largest |gradient| of all places but those that stay, by a plain sort."""
    _, train = trained("rigl", rule)
    grown = 0
    for _, _, before, after, count, stay in changes(train):
        expected = best(before.gradient.abs().masked_fill(stay, -1), count)
        assert torch.equal(after.mask, stay | expected)
        grown += int((after.mask & ~before.mask).sum())
    assert grown > 100


def test_balanced_scores_are_gradients_over_those_of_their_output_and_input():
    """By a loop over outputs and inputs: |g| over the root mean squares of its row and of its column."""
    _, train = trained("rigl", "erk,balanced=true")
    checked = 0
    for _, _, before, after, count, stay in changes(train):
        size, scores = before.gradient.abs(), before.gradient.abs().clone()
        for output in range(size.shape[0]):
            scores[output] /= size[output].square().mean().sqrt().clamp_min(1e-30)
        for place in range(size.shape[1]):
            scores[:, place] /= size[:, place].square().mean().sqrt().clamp_min(1e-30)
        grown = after.mask & ~stay
        assert int(grown.sum()) == count
        if count and bool((~after.mask).any()):
            assert float(scores[~after.mask].max()) <= float(scores[grown].min()) * (1 + 1e-5)
            checked += 1
    assert checked >= 9


def test_a_step_that_rewires_updates_nothing_and_the_others_do():
    _, train = trained("rigl")
    rewired = {index for index, *_ in changes(train)}
    assert len(rewired) == 9
    for moment, update in zip(train.gradients, train.updates, strict=True):
        for name, one in moment.after.items():
            assert torch.equal(update.before[name].weight, one.weight) == (moment.index in rewired)


def test_the_gradient_that_it_grows_by_is_that_of_every_place():
    """Against the derivative by what is added to each weight, hidden or not, on the first step's batch."""
    net, train = convolutions(), budget(epochs=1, shape=(2, 4, 4))
    inputs, labels = next(iter(Strides(train.data.train, train.recipe, train.seed, 0, 5)))[:2]
    method("rigl[density=0.2]").fit(net, train)
    moment, state = train.gradients[0], train.calls[0][2]
    start = {name: tensor for name, tensor in state.items() if not name.endswith("_mask")}
    added = {
        f"{name}.weight": torch.zeros_like(one.weight).requires_grad_() for name, one in moment.before.items()
    }
    summed = start | {name: start[name] + more for name, more in added.items()}
    cross_entropy(functional_call(convolutions().train(), summed, (inputs[:8],)), labels[:8], 0).backward()
    for name, one in moment.before.items():
        torch.testing.assert_close(one.gradient, added[f"{name}.weight"].grad, atol=1e-6, rtol=1e-4)
        assert bool((one.gradient[~one.mask] != 0).any())
