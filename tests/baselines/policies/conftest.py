import math

import pytest
import torch

from bench import Trace


@pytest.fixture
def two_exits():
    """Ten samples of two classes, label 0, whose shares and accuracies can be counted by hand.

    The first exit's confidences fall from sample to sample; it is right about the first six and the last. The
    second exit is right about all but the samples 1 and 8.
    """
    sure = (0.99, 0.97, 0.94, 0.9, 0.85, 0.8, 0.74, 0.68, 0.61, 0.55)
    early = torch.tensor([math.log(p / (1 - p)) for p in sure])
    early[[6, 7, 8]] *= -1
    late = torch.full((10,), 3.0)
    late[[1, 8]] *= -1
    logits = torch.stack([early, late])[..., None] * torch.tensor([1.0, 0.0])
    return Trace(logits, torch.zeros(10, dtype=torch.long), torch.tensor([2.0, 10.0], dtype=torch.float64))


RIGHT = (8, 8, 9, 9, 9, 9, 9, 8, 7, 7, 7)
"""Of the ten samples, when the first 0, 1, ..., 10 leave at the first exit."""


@pytest.fixture
def right_when_left():
    return RIGHT


@pytest.fixture
def trace_of():
    """Makes traces of exits that grow better, with answers of every confidence."""

    def make(samples=400, seed=0, exits=3, classes=4, costs=(10.0, 25.0, 60.0, 100.0)):
        generator = torch.Generator().manual_seed(seed)
        labels = torch.randint(classes, (samples,), generator=generator)
        logits = torch.randn(exits, samples, classes, generator=generator)
        ease = 4 * torch.rand(samples, generator=generator)
        logits[:, torch.arange(samples), labels] += torch.linspace(0.5, 2, exits)[:, None] * ease
        return Trace(logits, labels, torch.tensor(costs[:exits], dtype=torch.float64))

    return make
