"""Values: what each operation of a graph gives, seen on the meta device with several batch sizes.

A tensor may cross a cut only if its first size follows the batch and no other does. Whole numbers never cross: they
are constants, or a * batch + c, and are computed anew from the batch of the tensor that crosses.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.utils.flop_counter import FlopCounterMode

from bench.errors import SeesawError
from bench.network.net import Sample
from bench.network.operators import COUNTED

BATCHES = 2, 3, 5


@dataclass(frozen=True)
class Linear:
    """A whole number that hangs on the batch: slope * batch + start."""

    slope: int
    start: int


@dataclass(frozen=True)
class Shape:
    """The form of a tensor.

    Attributes:
        sizes: its shape for the first batch size.
        crosses: whether it may cross a cut.
        order: its dimensions from that of the widest step in memory; None where its numbers do not lie side by side.
    """

    sizes: tuple[int, ...]
    crosses: bool
    order: tuple[int, ...] | None


@dataclass(frozen=True)
class Values:
    """By operation, its value and its MACs for one sample.

    Attributes:
        of: `Shape` of a tensor, or the number, flag, device, ... with `Linear` where it hangs on the batch; tuples of these.
        macs: of one sample.
    """

    of: dict[fx.Node, Any]
    macs: dict[fx.Node, int]

    def is_tensor(self, node: fx.Node) -> bool:
        """Whether an operation gives a tensor, or several."""
        return _holds_tensor(self.of.get(node))


def _holds_tensor(value: object) -> bool:
    if isinstance(value, (tuple, list)):
        return any(map(_holds_tensor, value))
    if isinstance(value, dict):
        return any(map(_holds_tensor, value.values()))
    return isinstance(value, Shape)


def values_of(module: nn.Module, graph: fx.Graph, sample: Sample) -> Values:
    """Run a graph's shapes with several batch sizes.

    Args:
        module: that was traced; stays as it is.
        graph: of `trace`.
        sample: form of one input.

    Raises:
        SeesawError: an operation does not take a tensor of the shape that it gets, as with images that are too small.
    """
    ghost = fx.GraphModule(on_meta(module), graph)
    runs = [_Run(ghost) for _ in BATCHES]
    with torch.no_grad():
        for batch, run in zip(BATCHES, runs, strict=True):
            try:
                with run.counter:
                    run.run(sample.blank(batch, device="meta"))
            except Exception as error:  # a stranger's operations raise anything
                reason = next(iter(str(error.__cause__ or error).strip().splitlines()), type(error).__name__)
                raise SeesawError(
                    f"Samples of shape {sample.shape} do not fit this network: {run.place()} fails ({reason.rstrip('.')}). "
                    "Use larger images (a task's size, or the backbone's size=), or another network."
                ) from error
    of = {node: _common(str(node), [run.values[node] for run in runs]) for node in runs[0].values}
    return Values(of, {node: macs // BATCHES[0] for node, macs in runs[0].macs.items()})


def on_meta(module: nn.Module) -> nn.Module:
    """A copy of a module on the meta device; no number of it is copied."""
    memo: dict[int, Any] = {}
    for one in module.modules():
        own = [*one._parameters.values(), *one._buffers.values(), *vars(one).values()]
        for tensor in (value for value in own if isinstance(value, Tensor)):
            ghost = torch.empty_like(tensor, device="meta")
            memo[id(tensor)] = nn.Parameter(ghost) if isinstance(tensor, nn.Parameter) else ghost
    return copy.deepcopy(module, memo)


class _Run(fx.Interpreter):
    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.extra_traceback = False
        self.counter = FlopCounterMode(display=False, custom_mapping=COUNTED)
        self.values: dict[fx.Node, Any] = {}
        self.macs: dict[fx.Node, int] = {}
        self.at: fx.Node | None = None

    def run_node(self, n: fx.Node) -> Any:
        self.at, begun = n, self.counter.get_total_flops()
        value = super().run_node(n)
        self.macs[n] = (self.counter.get_total_flops() - begun) // 2
        self.values[n] = _form(value)
        return value

    def place(self) -> str:
        node = self.at
        if node is None or node.op == "placeholder":
            return "its first operation"
        path = node.meta.get("path")
        name = (
            str(node.target) if isinstance(node.target, str) else getattr(node.target, "__name__", str(node))
        )
        return name if node.op == "call_module" or not path else f"{name} in {path}"


def _order(tensor: Tensor) -> tuple[int, ...] | None:
    steps = tensor.stride()
    order = tuple(sorted(range(tensor.dim()), key=lambda dim: (-steps[dim], dim)))
    return order if tensor.permute(order).is_contiguous() else None


def _form(value: Any) -> Any:
    """A value with shapes in place of tensors."""
    if isinstance(value, Tensor):
        return Shape(tuple(value.shape), value.is_floating_point(), _order(value))
    if isinstance(value, (tuple, list)):
        return tuple(map(_form, value))
    return {key: _form(one) for key, one in value.items()} if isinstance(value, dict) else value


def _common(name: str, forms: list[Any]) -> Any:
    """One form for all batch sizes."""
    first = forms[0]
    if isinstance(first, Shape):
        follows = all(
            one.crosses and one.sizes[:1] == (batch,) and one.sizes[1:] == first.sizes[1:]
            for batch, one in zip(BATCHES, forms, strict=True)
        )
        return Shape(first.sizes, follows, first.order)
    if isinstance(first, tuple):
        if len({len(one) for one in forms}) > 1:
            return tuple(first)  # pieces by the batch: nothing of it crosses
        return tuple(_common(name, list(each)) for each in zip(*forms, strict=True))
    if isinstance(first, dict):
        return {key: _common(name, [one[key] for one in forms]) for key in first}
    if type(first) is int and len(set(forms)) > 1:
        slope = (forms[1] - first) // (BATCHES[1] - BATCHES[0])
        line = Linear(slope, first - slope * BATCHES[0])
        if [line.slope * batch + line.start for batch in BATCHES] == forms:
            return line
        raise SeesawError(
            f"The number {name} of this network does not follow the batch in a straight line ({forms} for {BATCHES}), so no "
            "part of it can run alone. Compute it inside a module of its own."
        )
    return first
