"""Saliency: how much of a class's score each stage's feature explains, whose peaks are proposed as cuts before any is tried.

After Cunico, Capogrosso, Setti, Carra, Fummi and Cristani, "I-SPLIT: Deep Network Interpretability for Split Computing" (ICPR 2022):
the Grad-CAM map of each layer (Selvaraju et al., ICCV 2017), ReLU(sum over channels of a_c A_c), where a_c is the gradient of the
class's score by channel c, is averaged over positions and images; stages at which this curve has a peak keep what decides, so a cut
behind them should cost the least. Here a_c is the sum of the gradient over positions and not its mean: with the mean, stages of
few positions come out larger by that number alone. No gradient of a stage is compared with a label of the test split.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from bench.errors import SeesawError
from bench.network.forward import forward
from bench.network.net import Net

BATCH = 64
"""Samples in one backward pass."""


def saliency(net: Net, inputs: Tensor, labels: Tensor) -> list[float]:
    """The mean saliency behind each stage but the last, over the largest of them: of cuts 1, 2, ...

    Args:
        net: trained, in eval mode.
        inputs: scaled as it takes them, (N, *sample).
        labels: whose scores are explained, int64 (N,).

    Raises:
        SeesawError: there is no inner cut, or no feature has a gradient.
    """
    if len(net.stages) < 2 or not len(labels):
        raise SeesawError(
            "Saliency is of the cuts between stages, and of samples. Give a network of two stages at least, and its data."
        )
    totals = torch.zeros(len(net.stages) - 1, dtype=torch.float64)
    for start in range(0, len(labels), BATCH):
        totals += _summed(net, inputs[start : start + BATCH], labels[start : start + BATCH])
    largest = float(totals.max())
    if not 0 < largest < float("inf"):
        raise SeesawError(
            "No class's score rises with any feature of this network, so there is no saliency. Train it first: seesaw run."
        )
    return (totals / largest).tolist()


def peaks(curve: Sequence[float]) -> list[int]:
    """The cuts, from 1, at which a curve is larger than before and not smaller than behind; of a plateau the first."""
    found = []
    for place, value in enumerate(curve):
        before = curve[place - 1] if place else -1.0
        behind = next((one for one in curve[place + 1 :] if one != value), -1.0)
        if value > before and value > behind:
            found.append(place + 1)
    return found


def _summed(net: Net, inputs: Tensor, labels: Tensor) -> Tensor:
    """The saliency behind each stage but the last, summed over samples, float64 (stages - 1,)."""
    features: list[Tensor] = []
    numbered = ((str(number), stage) for number, stage in enumerate(net.stages))
    with torch.enable_grad():
        x = inputs.detach().clone()
        if x.is_floating_point():  # so that features of frozen stages have a gradient too
            x.requires_grad_()
        exit_logits = forward(numbered, net.heads, x, on_feature=features.append).exit_logits
        score = exit_logits[-1].gather(1, labels[:, None]).sum()
        inner = features[:-1]
        if not all(one.requires_grad for one in inner):
            raise SeesawError(
                "A stage of this network passes no gradient on, so saliency cannot be computed. Try its cuts: seesaw run."
            )
        gradients = torch.autograd.grad(score, inner, allow_unused=True)
    found = [
        0.0 if gradient is None else _map(feature.detach(), gradient)
        for feature, gradient in zip(inner, gradients, strict=True)
    ]
    return torch.tensor(found, dtype=torch.float64)


def _map(feature: Tensor, gradient: Tensor) -> float:
    """The map of each sample, averaged over positions, summed over samples."""
    flat, slope = (
        one.double().flatten(2) if one.ndim > 2 else one.double()[..., None] for one in (feature, gradient)
    )
    weights = slope.sum(2, keepdim=True)
    return float((weights * flat).sum(1).relu().mean(1).sum())
