"""Layers: small networks drawn at random, whose layers of many kinds and sizes are timed so that others' can be predicted.

Kang et al., Neurosurgeon, ASPLOS 2017, section 4.2: a device times each kind of layer in many configurations once.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from bench.network.net import Sample

SIDES = (8, 14, 28, 32, 56, 64, 112, 160, 224)
"""Pixels of the images' sides."""
MOST_MACS = 1e8
"""Multiply-accumulates of one layer, at most: about ten milliseconds on one core."""
BLOCKS = 6
"""Blocks of a network, at most; each is a convolution with what stands behind it."""
ACTIVATIONS = (nn.ReLU, nn.ReLU, nn.ReLU6, nn.Hardswish, nn.SiLU)


class Beside(nn.Module):
    """Adds what some layers give to their input."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(x)


def drawn(seed: int, number: int) -> tuple[nn.Module, Sample]:
    """One network, in eval mode, and the form of its inputs; the same seed and number draw the same one.

    Args:
        seed: of all networks.
        number: of this one.
    """
    rng = np.random.default_rng([seed, number])
    side, channels = int(rng.choice(SIDES)), int(rng.choice([1, 3]))
    sample, layers = Sample((channels, side, side)), list[nn.Module]()
    for _ in range(int(rng.integers(2, BLOCKS + 1))):
        if side < 4:
            break
        block, side, channels = _block(rng, side, channels)
        layers += block
    width = int(2 ** rng.uniform(4, 10))
    pool = nn.AdaptiveAvgPool2d(1) if channels * side * side > 4096 or rng.random() < 0.5 else nn.Identity()
    inputs = channels * (1 if isinstance(pool, nn.AdaptiveAvgPool2d) else side * side)
    layers += [pool, nn.Flatten(), nn.Dropout(), nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, 10)]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(*layers).eval(), sample


def _block(rng: np.random.Generator, side: int, channels: int) -> tuple[list[nn.Module], int, int]:
    """A convolution with what stands behind it; and the side and channels that it gives."""
    kernel, stride = int(rng.choice([1, 3, 3, 5, 7])), int(rng.choice([1, 1, 2]))
    after = (side + 2 * (kernel // 2) - kernel) // stride + 1
    if is_thin := channels > 3 and rng.random() < 0.3:
        outputs = channels
    else:
        most = MOST_MACS / (after * after * kernel * kernel * channels)
        outputs = int(np.clip(2 ** rng.uniform(3, 8.5), 1, max(most, 1)))
    groups = channels if is_thin else 1
    layers: list[nn.Module] = [
        nn.Conv2d(
            channels, outputs, kernel, stride, kernel // 2, groups=groups, bias=bool(rng.random() < 0.3)
        )
    ]
    if rng.random() < 0.7:
        layers.append(nn.BatchNorm2d(outputs))
    layers.append(ACTIVATIONS[int(rng.integers(len(ACTIVATIONS)))]())
    if after >= 4 and (pooled := rng.random()) < 0.4:
        layers.append((nn.MaxPool2d if pooled < 0.25 else nn.AvgPool2d)(2))
        after //= 2
    elif rng.random() < 0.4:
        layers.append(Beside(nn.Sequential(*_same(rng, outputs, after))))
    return layers, after, outputs


def _same(rng: np.random.Generator, channels: int, side: int) -> Iterator[nn.Module]:
    """Layers that give a map as large as they take."""
    kernel = 3 if 9 * (channels * side) ** 2 < MOST_MACS else 1
    groups = channels if (channels * side) ** 2 > MOST_MACS or rng.random() < 0.3 else 1
    yield nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=groups, bias=False)
    yield nn.BatchNorm2d(channels)
