"""Paths: which weights lie on a way from the input to an answer. The others exist and do nothing.

"Effective sparsity" (Vysogorets & Kempe, "Connectivity Matters", JMLR 2023), by their section 3: with every existing
weight positive, every bias zero and an input of ones, a weight is on a path where the gradient of the answers' sum
is positive.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from bench.net import Net
from bench.sparse.mask import layers, mask_of

TRANSPARENT = (
    *(_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.LocalResponseNorm),
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Mish, nn.Tanh, nn.Sigmoid),
    *(nn.Hardswish, nn.Hardsigmoid, nn.Hardtanh, nn.Softplus, nn.Dropout, nn.Dropout2d),
)
"""Modules that neither join nor part any two units: paths pass through them as they are."""


def connected(net: Net, exits: Sequence[int] | None = None) -> dict[str, Tensor]:
    """The weights that exist and lie on a path from the input to one of some exits.

    Args:
        net: stays as it is.
        exits: by their numbers, from the shallowest; None is all of them.

    Returns:
        A boolean mask for every linear layer and convolution, by name.
    """
    ghost = _ghost(net)
    places = layers(ghost)
    if not places:
        return {}
    x = net.sample.blank(device=next(ghost.parameters()).device)
    answers = ghost(torch.ones_like(x, dtype=torch.double) if x.is_floating_point() else x)
    chosen = answers if exits is None else [answers[number] for number in exits]
    gradients = torch.autograd.grad(
        torch.stack([logits.sum() for logits in chosen]).sum(),
        [layer.weight for layer in places.values()],
        allow_unused=True,
    )
    return {
        name: torch.zeros_like(layer.weight, dtype=torch.bool)
        if gradient is None
        else (gradient > 0) & (layer.weight > 0)
        for (name, layer), gradient in zip(places.items(), gradients, strict=True)
    }


def _ghost(net: Net) -> Net:
    """A copy in which every number stands for a connection: each unit gives the mean of what it sees."""
    ghost = copy.deepcopy(net).double().eval()
    for module in list(ghost.modules()):
        for name, child in module.named_children():
            if isinstance(child, TRANSPARENT):
                setattr(module, name, nn.Identity())
            elif isinstance(child, nn.MaxPool2d):
                setattr(
                    module,
                    name,
                    nn.AvgPool2d(child.kernel_size, child.stride, child.padding, child.ceil_mode),
                )
            elif isinstance(child, nn.AdaptiveMaxPool2d):
                setattr(module, name, nn.AdaptiveAvgPool2d(child.output_size))
    with torch.no_grad():
        for name, parameter in ghost.named_parameters():
            parameter.fill_(0.0 if name.endswith("bias") else 1.0)
        for layer in layers(ghost).values():
            mask = mask_of(layer)
            if mask is not None:
                layer.weight.copy_(mask)
            layer.weight.div_(
                layer.weight.flatten(1).sum(1).clamp(min=1).reshape(-1, *[1] * (layer.weight.dim() - 1))
            )
    return ghost
