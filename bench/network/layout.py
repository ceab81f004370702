"""Layout: the order in which the numbers of images lie in memory while a network computes."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr

import torch
from torch import Tensor, nn

from bench.network.net import Net

FAST = torch.channels_last
"""The channels of a place side by side: convolutions are trained faster so (1.2 to 1.4 x on a CPU), and those of few channels each run
faster too."""


LEAST_CHANNELS = 16
"""Input channels below which oneDNN, in the fast layout, writes gradients of strided 1x1 convolutions past their memory
(https://github.com/uxlfoundation/oneDNN/issues/6035: other numbers are overwritten, or the gradients are wrong)."""


@contextmanager
def laid_out(net: Net) -> Iterator[torch.memory_format]:
    """Within it, the weights of a network lie in the fast layout, where it takes images that lie so.

    Layers of which the fast layout is not safe to train (`LEAST_CHANNELS`) keep the usual one.

    Args:
        net: in any mode, which stays.

    Yields:
        The layout that its inputs should have: the usual one where a forward fails on the other, as one that calls `view` does.
    """
    x = net.sample.blank(2, next(iter(net.parameters())).device)
    unsafe = [layer for layer in net.modules() if is_unsafe(layer)]
    hooks = [layer.register_forward_pre_hook(_usual) for layer in unsafe]
    modes = {module: module.training for module in net.modules()}
    net.eval().to(memory_format=FAST)
    layout = FAST if takes(net, x) else torch.contiguous_format
    for module, training in modes.items():
        module.training = training
    try:
        for module in unsafe if layout is FAST else [net]:
            module.to(memory_format=torch.contiguous_format)  # pyright: ignore[reportCallIssue]
        yield layout
    finally:
        net.to(memory_format=torch.contiguous_format)
        for hook in hooks:
            hook.remove()


def is_unsafe(layer: nn.Module) -> bool:
    """Whether a layer must not be trained in the fast layout on a CPU (`LEAST_CHANNELS`)."""
    if not isinstance(layer, nn.Conv2d):
        return False
    is_strided_1x1 = layer.kernel_size == (1, 1) and layer.stride != (1, 1)
    return is_strided_1x1 and layer.in_channels // layer.groups < LEAST_CHANNELS


def _usual(layer: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The images that come to a layer in the usual layout."""
    return tuple(x.contiguous() for x in inputs)


def laid(x: Tensor, layout: torch.memory_format) -> Tensor:
    """Images in a layout; other inputs as they are."""
    return x.contiguous(memory_format=layout) if x.dim() == 4 else x


@torch.no_grad()
def takes(run: Callable[[Tensor], object], x: Tensor) -> bool:
    """Whether a network, or a part of one, runs on images in the fast layout; one that has no images does not need it."""
    if x.dim() != 4:
        return False
    try:
        with redirect_stderr(io.StringIO()):  # a captured network prints its code where it fails
            run(laid(x, FAST))
    except RuntimeError:  # of a `view` of numbers that do not lie in a row
        return False
    return True
