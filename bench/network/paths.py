"""Paths: which weights lie on a way from the input to an exit's logits. The others exist and do nothing.

"Effective sparsity" (Vysogorets & Kempe, "Connectivity Matters", JMLR 2023), by their section 3: with every
existing weight positive, every bias zero and an input of ones, a weight is on a path where the gradient of
the logits' sum is positive.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.overrides import TorchFunctionMode

from bench.network.net import Net
from bench.network.sparse.mask import layers, mask_of, sharing

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
    with FlowingAttention():
        logits = ghost(torch.ones_like(x, dtype=torch.double) if x.is_floating_point() else x)
    chosen = logits if exits is None else [logits[number] for number in exits]
    gradients = torch.autograd.grad(
        torch.stack([one.sum() for one in chosen]).sum(),
        [layer.weight for layer in places.values()],
        allow_unused=True,
    )
    return {
        name: torch.zeros_like(layer.weight, dtype=torch.bool)
        if gradient is None
        else (gradient > 0) & (layer.weight > 0)
        for (name, layer), gradient in zip(places.items(), gradients, strict=True)
    }


def unfollowed(net: Net) -> str | None:
    """The first layer that paths cannot be followed through, by name; None where they can through all.

    In a dense network every weight lies on a path that does not read a constant zero, such as the padding of an
    input. Where `connected` misses another one, the network has an operation that it does not model (an attention of
    its own making, a gate), and the masks of sparse layers are wrong too. Of a kernel one tap is enough: others may
    only ever meet padding.
    """
    dense = copy.deepcopy(net)
    for layer in layers(dense).values():
        if (mask := mask_of(layer)) is not None:
            mask.fill_(True)
    missed = {
        name: ~(on_path.flatten(2).any(2) if on_path.dim() > 2 else on_path)
        for name, on_path in connected(dense).items()
    }
    if not any(bool(one.any()) for one in missed.values()):
        return None
    reads = _reads(dense)
    return next((name for name, one in missed.items() if bool((one & reads[name]).any())), None)


def _reads(net: Net) -> dict[str, Tensor]:
    """By layer, which (output, input) pairs of units read what depends on the sample.

    That is, anything but zero where all units are ones and biases are zero, or what differs between random samples.
    """
    blank = net.sample.blank(4)
    generator = torch.Generator().manual_seed(0)
    if blank.is_floating_point():
        ones, samples = (
            torch.ones_like(blank, dtype=torch.double),
            torch.randn(blank.shape, generator=generator),
        )
    else:
        ones = blank
        samples = torch.randint(1, max(net.sample.vocabulary, 2), blank.shape, generator=generator)
    with FlowingAttention():
        by_ones = _read(_ghost(net), ones, lambda x: x != 0)
    by_samples = _read(copy.deepcopy(net).eval(), samples, lambda x: x != x[:1])
    return {name: pairs | by_samples[name] for name, pairs in by_ones.items()}


@torch.no_grad()
def _read(net: Net, inputs: Tensor, counts: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
    """By layer, which (output, input) pairs of units read a number that counts."""
    places = layers(net)
    pairs = {
        name: torch.zeros(layer.weight.shape[:2], dtype=torch.bool, device=layer.weight.device)
        for name, layer in places.items()
    }

    def look(name: str, layer: nn.Module, args: tuple[Tensor, ...]) -> None:
        units, groups = counts(args[0]), getattr(layer, "groups", 1)
        units = (
            units.flatten(0, -2).any(0)
            if isinstance(layer, nn.Linear)
            else units.transpose(0, 1).flatten(1).any(1)
        )
        pairs[name] |= units.reshape(groups, -1).repeat_interleave(len(pairs[name]) // groups, 0)

    for name, layer in places.items():
        layer.register_forward_pre_hook(partial(look, name))
    net(inputs.to(device=next(net.parameters()).device))
    return pairs


class FlowingAttention(TorchFunctionMode):
    """Within this mode, attention is a sum of positive products instead of a softmax, so paths go through it.

    Under equal weights all places look alike, and a softmax over equal scores has no gradient: queries and
    keys would count as cut off. Instead `values * (1 + s / s) / 2`, with s the mean over the places of query
    times key and the divisor held fixed: positive, of the size of the values, and with a gradient for just
    those numbers of a query whose partner in the key is not zero, and the other way round. Values, and the
    paths to them, count in any case.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is F.scaled_dot_product_attention:
            return _flowing(*args, **kwargs)
        return func(*args, **kwargs)


def _flowing(query: Tensor, key: Tensor, value: Tensor, *args: object, **kwargs: object) -> Tensor:
    score = query @ key.mean(-2, keepdim=True).transpose(-2, -1)
    share = score / score.detach().clamp(min=torch.finfo(score.dtype).tiny)
    return value.mean(-2, keepdim=True) * (1 + share) / 2


def _ghost(net: Net) -> Net:
    """A copy in which every number stands for a connection: each unit gives the mean of its inputs."""
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
        for layer, *others in set(sharing(ghost).values()):
            mask = mask_of(layer, *others)
            if mask is not None:
                layer.weight.copy_(mask)
            layer.weight.div_(
                layer.weight.flatten(1).sum(1).clamp(min=1).reshape(-1, *[1] * (layer.weight.dim() - 1))
            )
    return ghost
