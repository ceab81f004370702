"""A small network with weights that do not exist, as the tests of packing take it."""

import torch
from torch import nn

from bench import hide, mask_from

FORMS = ("dense", "bitmap", "indexed", "delta", "pattern", "mixed")
"""That it is packed in where a pattern makes its masks."""


def network(pattern=False):
    net = nn.Sequential(nn.Conv2d(4, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(16, 8))
    net[1].running_mean.normal_()
    if pattern:
        for layer, density in ((net[0], 0.25), (net[3], 0.5)):
            line = f"sparse[density={density}]@3"
            hide(layer, mask_from(line, layer.weight.shape), line)
    else:
        hide(net[0], torch.rand(8, 4, 3, 3) < 0.3)
        hide(net[3], torch.rand(8, 16) < 0.3)
    return net
