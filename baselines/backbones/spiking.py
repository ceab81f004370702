"""Spiking: leaky integrate-and-fire neurons over time steps; what crosses a cut is zeros and ones.

A neuron adds the current that comes in at each step to what is left of its potential, and where that is above the threshold it
spikes and loses as much (Gerstner, Kistler, "Spiking Neuron Models", 2002; in discrete time as Eshraghian et al., "Training spiking
neural networks using lessons from deep learning", Proc. IEEE 2023):

    v(t) = beta v(t - 1) + current(t) - threshold s(t - 1),    s(t) = 1 where v(t) > threshold, else 0

A step has no slope, so training takes that of an arc tangent (Fang et al., "Deep residual learning in spiking neural networks", NeurIPS
2021). The pixels are the current of every step; so the first layer computes once, with multiplications, and every later one
at each step, of zeros and ones. A feature has the channels of all steps, the first step's first.

The neuron is written out, and held against snnTorch in the tests: it keeps no state between calls, so that it is copied, counted on
the meta device, captured and run on a device as any other module is.
"""

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from bench import Backbone, Count, Positive, Sample, channels_of

SLOPE = 2.0
"""Of the surrogate at the threshold is half of it."""


def spikes_of(above: Tensor) -> Tensor:
    """1 where a potential is above its threshold, else 0; with the gradient of atan(pi / 2 SLOPE x) / pi."""
    hard = (above > 0).to(above.dtype)
    if not torch.is_grad_enabled():
        return hard
    soft = torch.atan(math.pi / 2 * SLOPE * above) / math.pi
    return hard + (soft - soft.detach())  # exactly 0 is added


class Leaky(nn.Module):
    """Leaky integrate-and-fire neurons: currents (N, steps, ...) to spikes of the same shape."""

    def __init__(self, beta: float, threshold: float) -> None:
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def forward(self, currents: Tensor) -> Tensor:
        potential = torch.zeros_like(currents[:, 0])
        spikes = []
        for current in currents.unbind(1):
            lost = self.threshold * (potential > self.threshold).to(potential.dtype)
            potential = self.beta * potential + current - lost
            spikes.append(spikes_of(potential - self.threshold))
        return torch.stack(spikes, 1)


class Steps(nn.Module):
    """Layers at every time step, and neurons behind them: (N, steps x channels, ...) to the same form.

    Args:
        layers: of one step.
        neurons: behind them.
        steps: of time.
        first: whether the input is the current of every step, so that the layers compute once.
    """

    def __init__(self, layers: nn.Module, neurons: Leaky, steps: int, first: bool = False) -> None:
        super().__init__()
        self.layers, self.neurons, self.steps, self.first = layers, neurons, steps, first

    def forward(self, x: Tensor) -> Tensor:
        if self.first:
            current = self.layers(x)
            currents = current.unsqueeze(1).expand(-1, self.steps, *current.shape[1:])
        else:
            current = self.layers(x.unflatten(1, (self.steps, -1)).flatten(0, 1))
            currents = current.unflatten(0, (-1, self.steps))
        return self.neurons(currents).flatten(1, 2)


class Rates(nn.Module):
    """The share of the steps in which each neuron spiked: (N, steps x channels, ...) to (N, channels, ...)."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps

    def forward(self, x: Tensor) -> Tensor:
        return x.unflatten(1, (self.steps, -1)).mean(1)


class Spiking(Backbone):
    """Spiking LeNet: two convolutions and a fully connected layer of leaky integrate-and-fire neurons."""

    widths: tuple[Count, Count, Count] = (16, 32, 128)
    """channels of the two convolutions, width of the hidden layer"""
    steps: Annotated[int, Field(ge=1, le=256)] = 8
    """time steps of one input"""
    beta: Annotated[float, Field(ge=0, le=1)] = 0.9
    """share of its potential that a neuron keeps from step to step"""
    threshold: Positive = 1.0
    """potential above which a neuron spikes"""

    def stages(self, sample: Sample) -> list[nn.Module]:
        channels = channels_of(sample)
        first, second, third = map(self.scaled, self.widths)
        height, width = (math.ceil(math.ceil(side / 2) / 2) for side in sample.shape[1:])
        layers = [
            _convolution(channels, first),
            _convolution(first, second),
            nn.Sequential(nn.Flatten(), nn.Linear(second * height * width, third)),
        ]
        return [
            Steps(one, Leaky(self.beta, self.threshold), self.steps, first=place == 0)
            for place, one in enumerate(layers)
        ]

    def head(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        channels = shape[0] // self.steps
        if len(shape) == 1:
            return nn.Sequential(Rates(self.steps), nn.Linear(channels, classes))
        return nn.Sequential(
            Rates(self.steps), nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(16 * channels, classes)
        )


def _convolution(inputs: int, outputs: int) -> nn.Module:
    """A convolution whose currents are pooled before the neurons, so that what leaves them stays zeros and ones."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 5, padding=2), nn.MaxPool2d(2, ceil_mode=True))
