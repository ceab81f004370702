"""Where the training of a waist begins: at the principal components of the features that it is to carry.

A linear code of so many numbers that loses least, in squares, is the projection on as many principal components (Baldi and
Hornik, Neural Networks and Principal Component Analysis, Neural Networks 2, 1989). A waist that begins there, and with a
decoder that undoes it, loses at its first step what the best linear code loses; training goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MOST_ROWS = 8192
"""Places of features from which components are found."""
LEAST = 1e-6
"""Components that vary less, as a share of the first one's deviation, count as none."""


class Components(NamedTuple):
    """Principal components of features.

    Attributes:
        mean: of the features' channels, (width,).
        axes: unit vectors, (count, width), from the one along which features differ most.
        deviation: of the features along each, (count,).
    """

    mean: Tensor
    axes: Tensor
    deviation: Tensor

    @classmethod
    def of(cls, rows: Tensor, count: int) -> Components:
        """At most so many components of rows, (n, width), that differ at all."""
        device = rows.device
        rows = rows[:: -(-len(rows) // MOST_ROWS)].cpu().double()
        mean = rows.mean(0)
        _, singular, axes = torch.linalg.svd(rows - mean, full_matrices=False)
        there = min(count, int((singular > LEAST * singular[0].clamp(min=1e-12)).sum()))
        deviation = singular[:there] / len(rows) ** 0.5
        return cls(*(one.float().to(device) for one in (mean, axes[:there], deviation)))


@torch.no_grad()
def begin_at(
    encoder: nn.Sequential,
    decoder: nn.Sequential,
    feature: Tensor,
    gains: Callable[[Components], Tensor],
    arrives: Callable[[Tensor], Tensor],
) -> None:
    """Set the weights of a waist (`bench.Coder`'s encoder and decoder, as `waist` builds them) by principal components.

    The decoder's first hidden units are two for each number of the latent, of which one is alive above its mean and one below:
    together they let it pass as it is.

    Args:
        encoder: of one layer with weights.
        decoder: of two layers with weights, the first one's outputs at least twice as many as the latent's channels.
        feature: some features, (N, *shape).
        gains: by what a feature's distance from the mean along each component is multiplied, (count,).
        arrives: what the decoder gets of what the encoder gives.
    """
    narrow = _weighted(encoder)[0]
    first, last = _weighted(decoder)
    rows = _rows(feature, narrow)
    found = Components.of(rows, len(narrow.weight))
    if not len(found.axes):
        return
    count, gain = len(found.axes), gains(found)
    _project(narrow, found.axes * gain[:, None])
    _bias(narrow)[:count] = -(found.axes @ found.mean) * gain
    latent = _latents(arrives(encoder(feature)))[:, :count]
    middle = latent.mean(0)
    spread = latent - middle
    power = spread.square().sum(0).clamp(min=1e-12)
    back = spread.T @ (rows - rows.mean(0)) / power[:, None]  # (count, width)
    for sign, units in ((1.0, slice(0, count)), (-1.0, slice(count, 2 * count))):
        first.weight[units] = 0
        _centre(first)[units, :count] = sign * torch.eye(count, device=middle.device)
        _bias(first)[units] = -sign * middle
        last.weight[:, units] = 0
        _centre(last)[:, units] = sign * back.T
    last.weight[:, 2 * count :] = 0
    _bias(last).copy_(found.mean)


def _weighted(layers: nn.Sequential) -> list[nn.Linear | nn.Conv1d | nn.Conv2d]:
    return [one for one in layers if isinstance(one, nn.Linear | nn.Conv1d | nn.Conv2d)]


def _rows(feature: Tensor, narrow: nn.Module) -> Tensor:
    """What each number of a latent is made of, (n, width): features' places, the means of nine where the layer has a stride."""
    if isinstance(narrow, nn.Linear):
        return feature.flatten(1)
    assert isinstance(narrow, nn.Conv1d | nn.Conv2d)
    if narrow.stride[0] > 1:
        pool = F.avg_pool2d if feature.dim() == 4 else F.avg_pool1d
        feature = pool(feature, 3, narrow.stride[0], 1)
    return _latents(feature)


def _latents(x: Tensor) -> Tensor:
    """Channels last, and a row for each place: (N, channels, ...) to (n, channels)."""
    return x.flatten(2).transpose(1, 2).flatten(0, 1) if x.dim() > 2 else x


def _project(narrow: nn.Linear | nn.Conv1d | nn.Conv2d, axes: Tensor) -> None:
    """Let the first outputs be the inputs along these axes; where the layer has a stride, the mean of all its taps."""
    count = len(axes)
    narrow.weight[:count] = 0
    if isinstance(narrow, nn.Linear) or narrow.stride[0] == 1:
        _centre(narrow)[:count] = axes
        return
    taps = narrow.weight[0, 0].numel()
    narrow.weight[:count] = (axes / taps).reshape(*axes.shape, *[1] * (narrow.weight.dim() - 2))


def _centre(layer: nn.Module) -> Tensor:
    """The weights of a layer, (out, in), without a kernel's other places."""
    weight = layer.weight
    assert isinstance(weight, Tensor)
    for _ in range(weight.dim() - 2):
        weight = weight[..., weight.shape[-1] // 2]
    return weight


def _bias(layer: nn.Linear | nn.Conv1d | nn.Conv2d) -> Tensor:
    assert layer.bias is not None
    return layer.bias
