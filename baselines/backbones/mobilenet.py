"""MobileNetV2 (Sandler et al., CVPR 2018) for small images: the first two strides are 1."""

from torch import Tensor, nn

from bench import Backbone, Sample, channels_of

# expansion, channels, repeats, stride of the first repeat (2 becomes 1 in the second row for small images)
ROWS = (
    (1, 16, 1, 1),
    (6, 24, 2, 1),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def _convolution(inputs: int, outputs: int, size: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out")
    return [convolution, nn.BatchNorm2d(outputs)]


class InvertedResidual(nn.Module):
    """1x1 expansion, depthwise 3x3, linear 1x1 projection; a shortcut where shapes agree."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        expand = [*_convolution(inputs, inner, 1), nn.ReLU6()] if expansion != 1 else []
        depthwise = [*_convolution(inner, inner, 3, stride, groups=inner), nn.ReLU6()]
        self.layers = nn.Sequential(*expand, *depthwise, *_convolution(inner, outputs, 1))
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.residual else self.layers(x)


class MobileNet(Backbone):
    """MobileNetV2 for small images: stem, 17 inverted residuals and the last 1x1 convolution, each a stage."""

    def stages(self, sample: Sample) -> list[nn.Module]:
        inputs = self.scaled(32)
        stages: list[nn.Module] = [nn.Sequential(*_convolution(channels_of(sample), inputs, 3), nn.ReLU6())]
        for expansion, channels, repeats, stride in ROWS:
            outputs = self.scaled(channels)
            for place in range(repeats):
                stages.append(InvertedResidual(inputs, outputs, 1 if place else stride, expansion))
                inputs = outputs
        outputs = self.scaled(1280)
        stages.append(nn.Sequential(*_convolution(inputs, outputs, 1), nn.ReLU6()))
        return stages
