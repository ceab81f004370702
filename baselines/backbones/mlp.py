"""Multilayer perceptron: one hidden layer a stage, the classifier as its last head."""

import torch.nn.functional as F
from torch import Tensor, nn

from bench import Backbone, Count, Sample, Whole, features_of


class Flatten(nn.Module):
    """Flattens a sample and pads it with zeros to a given length."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self.length = length

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        x = x if x.is_floating_point() else x.float()
        return F.pad(x, (0, self.length - x.shape[1]))


class Mlp(Backbone):
    """Multilayer perceptron with ReLU; inputs are padded so that many densities are feasible."""

    widths: tuple[Count, ...] = (256, 256)
    """of the hidden layers"""
    inputs: Whole = 0
    """length that a flattened sample is padded to; 0 takes the next multiple of 32"""

    def stages(self, sample: Sample) -> list[nn.Module]:
        features = features_of(sample)
        length = max(self.inputs or -(-features // 32) * 32, features)
        stages: list[nn.Module] = []
        for width in map(self.scaled, self.widths):
            layers = [nn.Linear(length, width), nn.ReLU()]
            stages.append(nn.Sequential(*([Flatten(length)] if not stages else []), *layers))
            length = width
        return stages
