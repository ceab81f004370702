"""Lean training: layers with a predefined pattern hold only the weights that exist, for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from bench.execution.lean.conv import PackedConv, fastest_product
from bench.execution.lean.linear import PackedLinear, fastest_linear
from bench.network.layout import is_unsafe
from bench.network.net import Net
from bench.network.sparse.mask import Layer, layers, pattern_of

Packed = PackedLinear | PackedConv


@contextmanager
def lean_layers(net: Net, batch: int = 1) -> Iterator[dict[int, nn.Parameter]]:
    """Let a network hold only the weights that exist, in its layers with a predefined pattern, for a while.

    Args:
        net: its own layers are back afterwards, with the trained weights.
        batch: samples in a step of training.

    Yields:
        The parameters that replace others meanwhile, by the `id` of these others.
    """
    own = {
        name: layer
        for name, layer in layers(net).items()
        if pattern_of(layer) is not None and not is_unsafe(layer)
    }
    packed = _packed(net, own, batch)
    layouts = {name: layer.weight.detach().to("meta") for name, layer in own.items()}
    for name, one in packed.items():
        # hooks of the layer run on its replacement
        one._forward_pre_hooks, one._forward_hooks = (
            own[name]._forward_pre_hooks,
            own[name]._forward_hooks,
        )
        _put(net, name, one)
        own[name].weight.data = one.values.new_empty(0)  # dense weights would take the memory that is saved
    try:
        yield _moved(own, packed)
    finally:
        for name, layer in own.items():
            with torch.no_grad():
                weight = packed[name].weight()
                layer.weight.data = torch.empty_like(layouts[name], device=weight.device).copy_(weight)
                if layer.bias is not None and (bias := packed[name].bias) is not None:
                    layer.bias.copy_(bias)
            _put(net, name, layer)


def _packed(net: Net, own: dict[str, Layer], batch: int) -> dict[str, Packed]:
    """The replacement of each layer, with the product that is fastest for inputs like its own."""
    shapes = _shapes(net, own)
    packed: dict[str, Packed] = {}
    for name, layer in own.items():
        if isinstance(layer, nn.Linear):
            chosen = fastest_linear(layer, (batch, *shapes[name])) if name in shapes else "native"
            packed[name] = PackedLinear(layer, chosen).to(layer.weight.device)
        else:
            product = fastest_product(layer, (batch, *shapes[name])) if name in shapes else None
            packed[name] = PackedConv(layer, product).to(layer.weight.device)
    return packed


def products_of(net: nn.Module) -> dict[str, str]:
    """The product that computes each lean layer of a network meanwhile, by the layer's name."""
    return {
        name: one.product if isinstance(one, PackedLinear) else type(one.product).__name__.lower()
        for name, one in net.named_modules()
        if isinstance(one, Packed)
    }


def _shapes(net: Net, own: dict[str, Layer]) -> dict[str, tuple[int, ...]]:
    """The shape of one input of each layer, by name; without layers that the network never runs."""
    if not own:
        return {}
    shapes: dict[str, tuple[int, ...]] = {}

    def recorder(name: str) -> Callable[[nn.Module, tuple[Tensor]], None]:
        return lambda _, inputs: shapes.update({name: tuple(inputs[0].shape[1:])})

    hooks = [layer.register_forward_pre_hook(recorder(name)) for name, layer in own.items()]
    training = net.training
    with torch.no_grad():
        net.eval()(net.sample.blank(device=next(net.parameters()).device))
    net.train(training)
    for hook in hooks:
        hook.remove()
    return shapes


def _moved(own: dict[str, Layer], packed: dict[str, Packed]) -> dict[int, nn.Parameter]:
    moved: dict[int, nn.Parameter] = {}
    for name, layer in own.items():
        moved[id(layer.weight)] = packed[name].values
        bias = packed[name].bias
        if layer.bias is not None and bias is not None:
            moved[id(layer.bias)] = bias
    return moved


def _put(net: nn.Module, name: str, layer: nn.Module) -> None:
    parent, _, place = name.rpartition(".")
    setattr(net.get_submodule(parent), place, layer)
