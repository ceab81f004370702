"""What tests of methods share: small networks, a budget that writes down what happens, and plain formulas."""

import math
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from bench import Data, Method, Net, Recipe, Sample, Scale, Split, choose, layers, mask_of, maskable
from bench.runs.training.budget import Budget
from bench.runs.training.data import Strides

CPU = torch.device("cpu")


def method(spec):
    return choose(Method, spec).plugin


def network(norm=False):
    """Two linear layers, perhaps with batch norm, and one exit."""
    torch.manual_seed(4)
    first = [nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Tanh()] if norm else [nn.Linear(6, 8), nn.Tanh()]
    net = Net([nn.Sequential(*first), nn.Sequential(nn.Linear(8, 5), nn.Tanh())], Sample((6,)), 3)
    net.hang(1, nn.Linear(5, 3))
    return net


def convolutions():
    """Kernels of 3 x 3 and 1 x 1, a linear layer, batch norm and two exits; the first convolution stays dense."""
    torch.manual_seed(6)
    stages = [
        nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()),
        nn.Sequential(nn.Conv2d(4, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU()),
        nn.Sequential(nn.Conv2d(8, 8, 1), nn.ReLU(), nn.Flatten(), nn.Linear(32, 8), nn.ReLU()),
    ]
    net = Net(stages, Sample((2, 4, 4)), 3)
    net.hang(1, nn.Sequential(nn.Flatten(), nn.Linear(32, 3)))
    net.hang(2, nn.Linear(8, 3))
    return net


class Seen(NamedTuple):
    """One layer at one moment: copies of its weight, its gradient and its mask, None where it has none."""

    weight: torch.Tensor
    gradient: torch.Tensor | None
    mask: torch.Tensor | None

    @classmethod
    def of(cls, layer):
        gradient, mask = layer.weight.grad, mask_of(layer)
        return cls(
            layer.weight.detach().clone(),
            None if gradient is None else gradient.clone(),
            None if mask is None else mask.clone(),
        )


def look(net):
    """All layers that methods make sparse."""
    return {name: Seen.of(layer) for name, layer in maskable(net).items()}


class Moment(NamedTuple):
    """One call of a hook: the layers before and after it; the optimiser's state of their weights before it."""

    index: int
    progress: float
    before: dict[str, Seen]
    after: dict[str, Seen]
    state: dict[str, list[torch.Tensor]]


class Watched(Budget):
    """A budget that writes down what every call of `train` was given, and what the method's hooks changed.

    `calls` has first step, last step and the network's state before it, of every call that trained;
    `gradients` and `updates` have a moment for every `before_step` and `after_step`, whether the method has
    such a hook or not.
    """

    def __init__(self, *settings):
        super().__init__(*settings)
        self.calls, self.gradients, self.updates = [], [], []

    def __call__(self, net, share=None, *, before_step=None, after_step=None):
        start = self.at
        state = {name: tensor.clone() for name, tensor in net.state_dict().items()}
        super().__call__(
            net,
            share,
            before_step=self.noting(self.gradients, before_step),
            after_step=self.noting(self.updates, after_step),
        )
        if self.at > start:
            self.calls.append((start, self.at, state))

    def noting(self, notes, hook):
        def both(step):
            kept = {
                name: [v.clone() for v in step.optimizer.state.get(layer.weight, {}).values() if v.dim() > 1]
                for name, layer in maskable(step.net).items()
            }
            before = look(step.net)
            if hook is not None:
                hook(step)
            notes.append(Moment(step.index, step.progress, before, look(step.net), kept))

        return both


def cross_entropy(logits, labels, progress):
    return torch.stack([F.cross_entropy(one, labels) for one in logits]).sum()


def budget(epochs=4, batch=8, shape=(6,), loss=cross_entropy, seed=7, **recipe):
    """Forty samples of noise: five steps an epoch of eight, with momentum and weight decay."""
    generator = torch.Generator().manual_seed(2)
    split = Split(torch.randn(40, *shape, generator=generator), torch.arange(40) % 3)
    data = Data(split, split, split, Scale((0.0,), (1.0,)))
    return Watched(
        data.lent, Recipe(**{"epochs": epochs, "batch": batch, "lr": 0.05} | recipe), loss, seed, CPU
    )


def trained_plainly(net, train, visible, adjust):
    """SGD with Nesterov momentum, written out, on dense weights of which every forward pass sees a part.

    Args:
        net: changed in place.
        train: gives the order of the data and the recipe, of constant learning rate.
        visible: gives the part, of (layer's name, dense weight, share of the schedule done).
        adjust: gives the gradient of the dense weight, of (layer's name, dense weight, part, gradient of what
            is visible).

    Returns:
        After every step the dense weights by name, and at last the parts that stay.
    """
    recipe, dense, momentum, history = train.recipe, weights(net), {}, []
    part = {name: visible(name, weight, 0.0) for name, weight in dense.items()}
    strides = Strides(train.data.train, recipe, train.seed, 0, train.steps)
    stream = (
        pair for _ in range(recipe.epochs) for several in strides for pair in steps_of(several, recipe.batch)
    )
    net.train()
    for index, (x, y) in enumerate(stream):
        for name, weight in dense.items():
            layers(net)[name].weight.data = weight * part[name]
        named = dict(net.named_parameters())
        gradients = torch.autograd.grad(cross_entropy(net(x), y, 0), list(named.values()))
        for (name, p), gradient in zip(named.items(), gradients, strict=True):
            layer, value = name.removesuffix(".weight"), p.data
            if layer in dense and layer != name:
                value = dense[layer]
                gradient = adjust(layer, value, part[layer], gradient)
            if p.dim() > 1:
                gradient = gradient + recipe.weight_decay * value
            momentum[name] = gradient if index == 0 else 0.9 * momentum[name] + gradient
            value -= recipe.lr * (gradient + 0.9 * momentum[name])
        part = {name: visible(name, weight, index / train.steps) for name, weight in dense.items()}
        history.append({name: weight.clone() for name, weight in dense.items()})
    return history, {name: visible(name, weight, 1.0) for name, weight in dense.items()}


def steps_of(several, batch):
    return zip(several.inputs.split(batch), several.labels.split(batch), strict=True)


def kept(net):
    return torch.cat([mask_of(layer).flatten() for layer in maskable(net).values()])


def weights(net):
    return {name: layer.weight.detach().clone() for name, layer in maskable(net).items()}


def best(score, count):
    """The places of the largest scores of one tensor, the earlier of equals, by a plain sort."""
    values = score.detach().flatten().tolist()
    mask = torch.zeros(len(values), dtype=torch.bool)
    mask[sorted(range(len(values)), key=lambda place: -values[place])[:count]] = True
    return mask.reshape(score.shape)


def top(scores, density):
    """The largest share of several tensors together, flat, by a plain sort."""
    flat = np.concatenate([np.asarray(score.detach()).reshape(-1) for score in scores])
    mask = np.zeros(len(flat), dtype=bool)
    mask[np.argsort(-flat, kind="stable")[: round(density * len(flat))]] = True
    return torch.from_numpy(mask)


def spread(scores, density, rule):
    """The largest of all scores together, of each layer, or of each by Erdos-Renyi-Kernel: flat, by a plain sort."""
    if rule == "global":
        return top(scores, density)
    shares = {"uniform": [density] * len(scores), "erk": erk([score.shape for score in scores], density)}
    return torch.cat([top([score], share) for score, share in zip(scores, shares[rule], strict=True)])


def erk(shapes, density):
    """Evci et al. 2020, section 3.1: min(1, e (N_out + N_in + h + w) / (N_out N_in h w)), and e by bisection."""
    sizes = [math.prod(shape) for shape in shapes]
    raw = [sum(shape) / size for shape, size in zip(shapes, sizes, strict=True)]
    low, high = 0.0, 1 / min(raw)
    for _ in range(200):
        e = (low + high) / 2
        count = sum(min(1.0, e * one) * size for one, size in zip(raw, sizes, strict=True))
        low, high = (e, high) if count < density * sum(sizes) else (low, e)
    return [min(1.0, high * one) for one in raw]


def cubic(density, step, first, last):
    """The density of Zhu & Gupta 2018, equation 1, with s_i = 0: 1 - s_f + s_f (1 - (t - t_0) / (n dt))^3."""
    left = min(max(1 - (step - first) / (last - first), 0.0), 1.0)
    return density + (1 - density) * left**3


def beyond_chance(one, other):
    """How many deviations more places two masks share than masks drawn blindly would (hypergeometric)."""
    whole, first, second = one.numel(), int(one.sum()), int(other.sum())
    mean = first * second / whole
    variance = mean * (1 - first / whole) * (whole - second) / (whole - 1)
    return (int((one & other).sum()) - mean) / variance**0.5
