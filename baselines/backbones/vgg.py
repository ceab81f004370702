"""VGG with batch norm (Simonyan & Zisserman, ICLR 2015) for small images: convolutions only, one linear head."""

from typing import Literal

from torch import nn

from bench import Backbone, Sample, channels_of

CONVOLUTIONS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
WIDTHS = (64, 128, 256, 512, 512)


class Vgg(Backbone):
    """VGG with batch norm; every convolution is a stage, with the pooling before it where there is one."""

    depth: Literal[11, 13, 16, 19] = 16
    """11, 13, 16 or 19"""

    def stages(self, sample: Sample) -> list[nn.Module]:
        inputs, stages = channels_of(sample), []
        for group, (count, width) in enumerate(zip(CONVOLUTIONS[self.depth], WIDTHS, strict=True)):
            for place in range(count):
                outputs = self.scaled(width)
                pool = [nn.MaxPool2d(2, ceil_mode=True)] if group and not place else []
                convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
                nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
                stages.append(nn.Sequential(*pool, convolution, nn.BatchNorm2d(outputs), nn.ReLU()))
                inputs = outputs
        return stages
