"""LeNet (LeCun et al., Proc. IEEE 1998): two convolutions with pooling, then fully connected layers.

Padding keeps it working from 8x8 images on, and the widths make densities down to 1/16 feasible in every
layer. Early heads read a 4x4 grid of each channel: the global mean of features this shallow holds little.
"""

from math import ceil

from torch import nn

from bench import Backbone, Count, Sample, channels_of


class LeNet(Backbone):
    """LeNet: two 5x5 convolutions with pooling, two fully connected layers."""

    widths: tuple[Count, Count, Count, Count] = (16, 32, 128, 96)
    """channels of the two convolutions, widths of the two hidden layers"""

    def stages(self, sample: Sample) -> list[nn.Module]:
        channels = channels_of(sample)
        first, second, third, fourth = map(self.scaled, self.widths)
        height, width = (ceil(ceil(side / 2) / 2) for side in sample.shape[1:])
        return [
            _convolution(channels, first),
            _convolution(first, second),
            nn.Sequential(nn.Flatten(), nn.Linear(second * height * width, third), nn.ReLU()),
            nn.Sequential(nn.Linear(third, fourth), nn.ReLU()),
        ]

    def head(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        if len(shape) == 1:
            return nn.Linear(shape[0], classes)
        return nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(16 * shape[0], classes))


def _convolution(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True))
