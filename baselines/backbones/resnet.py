"""ResNets for small images (He et al., CVPR 2016): the 6n+2 layers of section 4.2, and ResNet-18 with a 3x3 stem."""

from typing import Annotated, Literal

import torch.nn.functional as F
from pydantic import AfterValidator, Field
from torch import Tensor, nn

from bench import Backbone, Sample, channels_of


def _six_n_plus_two(depth: int) -> int:
    if depth < 8 or (depth - 2) % 6:
        below = max(8, depth - (depth - 2) % 6)
        raise ValueError(f"a depth is 6n+2; near {depth} are {below} and {below + 6}")
    return depth


class Block(nn.Module):
    """Two 3x3 convolutions with batch norm beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int, shortcut: str) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        if stride == 1 and inputs == outputs:
            self.shortcut: nn.Module = nn.Identity()
        elif shortcut == "conv":
            conv = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.shortcut = nn.Sequential(conv, nn.BatchNorm2d(outputs))
        else:
            self.shortcut = PadShortcut(outputs - inputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class PadShortcut(nn.Module):
    """Option A of the paper: every second place, and zeros for the channels that are new."""

    def __init__(self, extra: int, stride: int) -> None:
        super().__init__()
        self.extra, self.stride = extra, stride

    def forward(self, x: Tensor) -> Tensor:
        before = self.extra // 2
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, before, self.extra - before))


def _stages(channels: int, widths: list[int], repeats: int, shortcut: str) -> list[nn.Module]:
    """A stem, then groups of blocks; every group but the first halves height and width."""
    stem = nn.Conv2d(channels, widths[0], 3, padding=1, bias=False)
    stages: list[nn.Module] = [nn.Sequential(stem, nn.BatchNorm2d(widths[0]), nn.ReLU())]
    inputs = widths[0]
    for group, outputs in enumerate(widths):
        for place in range(repeats):
            stages.append(Block(inputs, outputs, 2 if group and not place else 1, shortcut))
            inputs = outputs
    for module in nn.ModuleList(stages).modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return stages


class ResNet(Backbone):
    """ResNet for small images, 6n+2 layers deep: a stem and 3n blocks, each a stage."""

    depth: Annotated[int, Field(le=2000), AfterValidator(_six_n_plus_two)] = 20
    """6n+2: 20, 32, 44, 56, 110"""
    shortcut: Literal["pad", "conv"] = "pad"
    """pad: the paper's option A, no parameters; conv: option B"""

    def stages(self, sample: Sample) -> list[nn.Module]:
        widths = [self.scaled(channels) for channels in (16, 32, 64)]
        return _stages(channels_of(sample), widths, (self.depth - 2) // 6, self.shortcut)


class ResNet18(Backbone):
    """ResNet-18 with a 3x3 stem and no first pooling, for small images: a stem and eight blocks, each a stage."""

    def stages(self, sample: Sample) -> list[nn.Module]:
        widths = [self.scaled(channels) for channels in (64, 128, 256, 512)]
        return _stages(channels_of(sample), widths, 2, "conv")
