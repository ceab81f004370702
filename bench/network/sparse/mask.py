"""Masks: which weights exist.

A mask is a boolean buffer `weight_mask` beside `weight`. The weight itself is kept at zero where the mask is
false, so the forward pass needs no product and the gradient of a hidden weight is the dense gradient: a
method that grows connections can look at it in `before_step`, and training then sets it to zero.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import reduce

import torch
from torch import Tensor, nn

from bench.errors import SeesawError

MASK = "weight_mask"
PATTERN = "weight_pattern"
Layer = nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d
"""A layer whose weight may be masked."""


changes = 0
"""How often masks have changed in this process: training looks here before it looks at every layer."""


def layers(module: nn.Module) -> dict[str, Layer]:
    """Every linear layer and convolution below a module, by name, in the order of definition."""
    return {name: layer for name, layer in module.named_modules() if isinstance(layer, Layer)}


def hide(layer: Layer, mask: Tensor, pattern: str | None = None) -> None:
    """Let only the weights under `mask` exist; the others become zero, and training keeps them so (`Keeper`).

    Args:
        layer: a linear layer or convolution.
        mask: boolean, of the weight's shape.
        pattern: how to make the mask again (`spec@seed`, see `mask_from`), for the storage format without
            indices.

    Raises:
        SeesawError: the mask has another shape.
    """
    weight = layer.weight
    if mask.shape != weight.shape:
        raise SeesawError(
            f"A mask of shape {tuple(mask.shape)} does not fit a weight of shape {tuple(weight.shape)}. "
            "Make the mask with torch.ones_like(layer.weight, dtype=torch.bool)."
        )
    mask = mask.to(device=weight.device, dtype=torch.bool)
    if MASK in dict(layer.named_buffers(recurse=False)):
        layer.get_buffer(MASK).copy_(mask)
    else:
        layer.register_buffer(MASK, mask.clone())
    setattr(layer, PATTERN, pattern)
    global changes
    changes += 1
    with torch.no_grad():
        weight.masked_fill_(~mask, 0.0)


def reveal(layer: Layer) -> None:
    """Let every weight exist again."""
    if MASK in dict(layer.named_buffers(recurse=False)):
        delattr(layer, MASK)
        setattr(layer, PATTERN, None)
        global changes
        changes += 1


def mask_of(*sharing: Layer) -> Tensor | None:
    """The mask of a layer, or of several that share a weight; None where every weight exists.

    Boolean, of the weight's shape. Of a shared weight only what none of its layers hides exists.
    """
    own = [dict(layer.named_buffers(recurse=False)).get(MASK) for layer in sharing]
    masks = [mask for mask in own if mask is not None]
    return reduce(torch.logical_and, masks) if masks else None


def sharing(module: nn.Module) -> dict[str, tuple[Layer, ...]]:
    """By the name of every layer below a module, all layers that have its weight: itself, mostly alone."""
    groups: dict[int, list[Layer]] = defaultdict(list)
    found = layers(module)
    keys = {
        name: id(dict(layer.named_parameters(recurse=False)).get("weight", layer))
        for name, layer in found.items()
    }
    for name, layer in found.items():
        groups[keys[name]].append(layer)
    return {name: tuple(groups[key]) for name, key in keys.items()}


def pattern_of(layer: Layer) -> str | None:
    """How to make the layer's mask again (`spec@seed`), or None."""
    return getattr(layer, PATTERN, None)


def masked(module: nn.Module) -> Iterator[tuple[str, Layer, Tensor]]:
    """Name, layer and mask of every masked layer below a module."""
    for name, layer in layers(module).items():
        if (mask := mask_of(layer)) is not None:
            yield name, layer, mask


def density(*sharing: Layer) -> float:
    """The share of the weights that exist of a layer, or of several that share them."""
    mask = mask_of(*sharing)
    return 1.0 if mask is None else int(mask.sum()) / mask.numel()


def parameters(module: nn.Module) -> int:
    """How many parameters exist, each counted once: hidden weights are not counted."""
    total = sum(p.numel() for p in module.parameters())
    masks = (mask_of(*group) for group in set(sharing(module).values()))
    return total - sum(int((~mask).sum()) for mask in masks if mask is not None)


def largest(scores: Sequence[Tensor], density: float) -> list[Tensor]:
    """Masks of exactly round(density * N) weights, those with the largest scores over all tensors together.

    Of equal scores the earlier place wins. NaN counts as smallest.

    Args:
        scores: one tensor for each weight, of its shape.
        density: share to keep, in [0, 1].

    Returns:
        Boolean tensors of the same shapes.
    """
    flat = torch.cat([score.flatten() for score in scores]).nan_to_num(nan=-torch.inf)
    keep = torch.zeros(len(flat), dtype=torch.bool, device=flat.device)
    if (count := round(density * len(flat))) > 0:
        edge = flat.kthvalue(len(flat) - count + 1).values
        keep = flat > edge
        keep[(flat == edge).nonzero()[: count - int(keep.sum()), 0]] = True
    parts = keep.split([score.numel() for score in scores])
    return [part.reshape(score.shape) for part, score in zip(parts, scores, strict=True)]
