"""Lean training: layers with a predefined pattern hold only the weights that exist, for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from bench.execution.lean.conv import PackedConv, fastest
from bench.execution.lean.linear import PackedLinear
from bench.network.net import Net
from bench.network.sparse.mask import Layer, layers, pattern_of

Packed = PackedLinear | PackedConv


@contextmanager
def small(net: Net, batch: int = 1) -> Iterator[dict[int, nn.Parameter]]:
    """Let a network hold only the weights that exist, in its layers with a predefined pattern, for a while.

    Args:
        net: afterwards its layers are its own again, with the weights that they came to.
        batch: samples that it will be trained on at once.

    Yields:
        The parameters that stand for others meanwhile, by the `id` of those.
    """
    found = {name: layer for name, layer in layers(net).items() if pattern_of(layer) is not None}
    packed = _packed(net, found, batch)
    layouts = {name: layer.weight.detach().to("meta") for name, layer in found.items()}
    for name, one in packed.items():
        # what is hooked to the layer is to see what stands for it
        one._forward_pre_hooks, one._forward_hooks = (
            found[name]._forward_pre_hooks,
            found[name]._forward_hooks,
        )
        _put(net, name, one)
        found[name].weight.data = one.values.new_empty(0)  # dense weights would take the memory that is saved
    try:
        yield _moved(found, packed)
    finally:
        for name, layer in found.items():
            with torch.no_grad():
                weight = packed[name].weight()
                layer.weight.data = torch.empty_like(layouts[name], device=weight.device).copy_(weight)
                if layer.bias is not None and (bias := packed[name].bias) is not None:
                    layer.bias.copy_(bias)
            _put(net, name, layer)


def _packed(net: Net, found: dict[str, Layer], batch: int) -> dict[str, Packed]:
    """What stands for each layer; a convolution computed by what is fastest for inputs like its own."""
    shapes = _shapes(net, {name: layer for name, layer in found.items() if not isinstance(layer, nn.Linear)})
    packed: dict[str, Packed] = {}
    for name, layer in found.items():
        if isinstance(layer, nn.Linear):
            packed[name] = PackedLinear(layer).to(layer.weight.device)
        else:
            product = fastest(layer, (batch, *shapes[name])) if name in shapes else None
            packed[name] = PackedConv(layer, product).to(layer.weight.device)
    return packed


def _shapes(net: Net, found: dict[str, Layer]) -> dict[str, tuple[int, ...]]:
    """The shapes of one input of layers, by name; only of those that the network comes by."""
    if not found:
        return {}
    shapes: dict[str, tuple[int, ...]] = {}

    def seer(name: str) -> Callable[[nn.Module, tuple[Tensor]], None]:
        return lambda _, given: shapes.update({name: tuple(given[0].shape[1:])})

    hooks = [layer.register_forward_pre_hook(seer(name)) for name, layer in found.items()]
    training = net.training
    with torch.no_grad():
        net.eval()(net.sample.blank(device=next(net.parameters()).device))
    net.train(training)
    for hook in hooks:
        hook.remove()
    return shapes


def _moved(found: dict[str, Layer], packed: dict[str, Packed]) -> dict[int, nn.Parameter]:
    moved: dict[int, nn.Parameter] = {}
    for name, layer in found.items():
        moved[id(layer.weight)] = packed[name].values
        bias = packed[name].bias
        if layer.bias is not None and bias is not None:
            moved[id(layer.bias)] = bias
    return moved


def _put(net: nn.Module, name: str, layer: nn.Module) -> None:
    parent, _, place = name.rpartition(".")
    setattr(net.get_submodule(parent), place, layer)
