"""The LeNet of BranchyNet (Teerapittayanon et al., ICPR 2016), as its published code has it.

Three 5x5 convolutions with padding 3, to 5, 10 and 20 channels, each with 2x2 pooling and ReLU, and a linear
layer of 84 without activation. Its early head is a 3x3 convolution of twice the channels, pooling, ReLU and a
linear layer; the published one hangs on the first convolution, which pools here for both:
EXITS='joint[at=0,weights=1:0.3,alone=0.33]'.
"""

from torch import nn

from bench import Backbone, Sample, channels_of

WIDTHS = 5, 10, 20, 84


class BranchyLeNet(Backbone):
    """BranchyNet's LeNet: three small convolutions and a linear layer; early heads have a convolution."""

    def stages(self, sample: Sample) -> list[nn.Module]:
        *widths, hidden = map(self.scaled, WIDTHS)
        inputs, (height, width) = channels_of(sample), sample.shape[1:]
        stages: list[nn.Module] = []
        for outputs in widths:
            convolution = nn.Conv2d(inputs, outputs, 5, padding=3)
            stages.append(nn.Sequential(convolution, nn.MaxPool2d(2, ceil_mode=True), nn.ReLU()))
            inputs, height, width = outputs, (height + 3) // 2, (width + 3) // 2
        return [*stages, nn.Sequential(nn.Flatten(), nn.Linear(inputs * height * width, hidden))]

    def head(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        if len(shape) == 1:
            return nn.Linear(shape[0], classes)
        channels, height, width = 2 * shape[0], (shape[1] + 1) // 2, (shape[2] + 1) // 2
        return nn.Sequential(
            nn.Conv2d(shape[0], channels, 3, padding=1),
            nn.MaxPool2d(2, ceil_mode=True),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(channels * height * width, classes),
        )
