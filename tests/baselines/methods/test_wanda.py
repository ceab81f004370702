import copy
import itertools

import pytest
import torch
from torch import nn

from bench import Net, Sample, SeesawError
from tests.baselines.methods.plain import best, budget, convolutions, look, method


def met(layer, x):
    """The norm of what each weight of one output meets: the layer itself, that weight one and no other, on squares."""
    alone, norms = copy.deepcopy(layer), torch.zeros(layer.weight.shape[1:])
    with torch.no_grad():
        alone.bias.zero_()
        for place in itertools.product(*map(range, norms.shape)):
            alone.weight.zero_()
            alone.weight[(0, *place)] = 1
            norms[place] = alone(x.square())[:, 0].sum().sqrt()
    return norms


def behind(layer, sample):
    """A net in which this is the only layer that may be sparse: a fixed convolution before it, a head behind it."""
    torch.manual_seed(3)
    net = Net([nn.Sequential(nn.Conv2d(sample[0], 4, 3, padding=1), nn.ReLU()), layer], Sample(sample), 3)
    net.hang(1, nn.Sequential(nn.Flatten(), nn.LazyLinear(3)))
    net(torch.zeros(1, *sample))
    return net


def check(net, layer, norms, density, samples=12):
    before = layer.weight.detach().clone()
    method(f"wanda[density={density},samples={samples}]").finalize(net, budget(shape=net.sample.shape))
    mask = dict(layer.named_buffers())["weight_mask"]
    for row, stays in zip(before * norms, mask, strict=True):
        assert torch.equal(stays, best(row.abs(), round(density * row.numel())))
    assert torch.equal(layer.weight, before.where(mask, 0))
    by_size = torch.stack([best(row.abs(), round(density * row.numel())) for row in before])
    assert not torch.equal(mask, by_size)  # the norms did matter


PLACES = {
    "stride": {"kernel_size": 3, "stride": 2, "padding": 1},
    "oblong": {"kernel_size": (3, 2), "stride": (1, 2), "padding": (0, 1), "dilation": (2, 1)},
    "dilation": {"kernel_size": 3, "stride": 2, "padding": 2, "dilation": 2},
    "valid": {"kernel_size": 2, "padding": "valid"},
    "same": {"kernel_size": 3, "padding": "same"},
    "point": {"kernel_size": 1, "stride": 2},
    "same, dilated": {"kernel_size": 3, "padding": "same", "dilation": 2},
    "same, even": {"kernel_size": (2, 4), "padding": "same"},
    "circular": {"kernel_size": 3, "padding": 1, "padding_mode": "circular"},
    "reflect": {"kernel_size": 3, "padding": (2, 1), "padding_mode": "reflect"},
}


@pytest.mark.parametrize("places", PLACES.values(), ids=PLACES)
@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_norms_of_a_convolution_are_those_of_what_each_tap_meets(places):
    torch.manual_seed(1)
    layer = nn.Conv2d(4, 5, **places)
    net = behind(layer, (2, 7, 6))
    x, _ = budget(shape=(2, 7, 6)).batch(12)
    check(net, layer, met(layer, net.stages[0](x).detach()), 0.4)


@pytest.mark.parametrize("tokens", [(), (5,)])
def test_norms_of_a_linear_layer_are_those_of_its_inputs_over_samples_and_tokens(tokens):
    torch.manual_seed(1)
    layer = nn.Linear(9, 6)
    net = Net([layer], Sample((*tokens, 9)), 3)
    net.hang(0, nn.Sequential(nn.Flatten(), nn.Linear(6 * (5 if tokens else 1), 3)))
    x, _ = budget(shape=net.sample.shape).batch(12)
    squares = [0.0] * 9
    for row in x.reshape(-1, 9).tolist():
        squares = [total + value**2 for total, value in zip(squares, row, strict=True)]
    check(net, layer, torch.tensor(squares).sqrt(), 0.4)


def test_inputs_are_those_of_the_trained_network_in_eval_mode():
    """Batch norm by its running statistics, which looking leaves as they are; and no training after pruning."""
    torch.manual_seed(1)
    norm, layer = nn.BatchNorm2d(3), nn.Linear(12, 5)
    net = Net([nn.Sequential(nn.Conv2d(1, 3, 3), norm, nn.Flatten()), layer], Sample((1, 4, 4)), 3)
    net.hang(1, nn.Linear(5, 3))
    norm.running_mean.copy_(torch.tensor([1.0, -2.0, 0.0]))
    norm.running_var.copy_(torch.tensor([9.0, 0.1, 1.0]))
    train = budget(shape=(1, 4, 4))
    with torch.no_grad():
        inputs = net.stages[0][0](train.batch(12)[0])
        mean, variance = (row[:, None, None] for row in (norm.running_mean, norm.running_var))
        taken = ((inputs - mean) / (variance + norm.eps).sqrt()).flatten(1)
    check(net.train(), layer, taken.square().sum(0).sqrt(), 0.4)
    assert norm.running_mean.tolist() == [1.0, -2.0, 0.0]


def test_it_prunes_after_training_and_once():
    net, train = convolutions(), budget(shape=(2, 4, 4))
    method("wanda[density=0.25]").fit(net, train)
    assert train.spent == 1
    assert all(seen.mask is None for seen in train.updates[-1].after.values())
    for name, seen in train.updates[-1].after.items():
        mask = look(net)[name].mask
        assert set(mask.flatten(1).sum(1).tolist()) == {round(0.25 * mask[0].numel())}
        assert torch.equal(look(net)[name].weight, seen.weight.where(mask, 0))


def test_layers_that_it_does_not_know_are_a_sentence():
    net = Net([nn.Conv1d(2, 4, 3), nn.Conv1d(4, 4, 3), nn.Flatten()], Sample((2, 6)), 3)
    net.hang(2, nn.Linear(8, 3))
    with pytest.raises(SeesawError, match="not Conv1d"):
        method("wanda").finalize(net, budget(shape=(2, 6)))
