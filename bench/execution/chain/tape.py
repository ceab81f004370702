"""Tapes: the operators of a network, recorded while it runs once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from bench.execution.unsupported import FAILURES, refused
from bench.network.sparse.mask import masked


@dataclass(frozen=True)
class Ref:
    """A tensor that depends on the input, by its number; 0 is the input."""

    number: int


@dataclass(frozen=True)
class Call:
    """One ATen operator on tensors that depend on the input (as `Ref`) and on others (as they are)."""

    name: str
    """such as `convolution.default`"""
    function: Callable[..., Any]
    args: Any
    kwargs: Any
    out: int
    """number of the result"""
    shape: tuple[int, ...]
    """of the result, with its batch of 1"""
    layer: str = ""
    """name of the innermost module that called it"""


@dataclass(frozen=True)
class Tape:
    """All calls in order, and those of their results that are the outputs.

    Attributes:
        sample: shape of one input, without the batch.
        calls: in the order in which they ran.
        outputs: numbers of the results.
        shapes: of the outputs, without the batch.
        masks: by the address of a weight, the mask of its numbers; a weight without one is dense.
    """

    sample: tuple[int, ...]
    calls: list[Call]
    outputs: list[int]
    shapes: list[tuple[int, ...]]
    masks: dict[int, Tensor]

    def shape(self, ref: Ref) -> tuple[int, ...]:
        """The shape of a result, with its batch of 1."""
        return next((call.shape for call in self.calls if call.out == ref.number), (1, *self.sample))

    def uses(self) -> dict[int, int]:
        """How often each result is used, as an output too."""
        counts: dict[int, int] = {}
        for ref in [r for call in self.calls for r in refs((call.args, call.kwargs))]:
            counts[ref.number] = counts.get(ref.number, 0) + 1
        for number in self.outputs:
            counts[number] = counts.get(number, 0) + 1
        return counts


def refs(value: object) -> list[Ref]:
    """All references within arguments."""
    if isinstance(value, Ref):
        return [value]
    if isinstance(value, (tuple, list)):
        return [ref for part in value for ref in refs(part)]
    return refs(list(value.values())) if isinstance(value, dict) else []


def pair(value: Any) -> tuple[int, int]:
    """A number for down and one for across, as operators take them: one, or a list of one or two."""
    if isinstance(value, int):
        return value, value
    return (value[0], value[0]) if len(value) == 1 else (value[0], value[1])


class _Recorder(TorchDispatchMode):
    """Records every operator on a tensor that depends on the input."""

    def __init__(self, start: Tensor) -> None:
        super().__init__()
        self.numbers = {id(start): 0}
        self.alive: list[Tensor] = [start]
        """all numbered tensors, so that no `id` is used a second time"""
        self.calls: list[Call] = []
        self.inside: list[str] = []
        """names of the modules that run now, from the outermost"""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Of PyTorch's base: it would import the compiler (1.3 s) to keep it away from what nobody compiles."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        arguments, options = self._with_refs((tuple(args), kwargs or {}))
        result = func(*args, **(kwargs or {}))
        if refs((arguments, options)):
            first = result[0] if isinstance(result, (tuple, list)) else result
            if isinstance(first, Tensor):
                number = self.numbers[id(first)] = len(self.alive)
                self.alive.append(first)
                name = func.name().removeprefix("aten::") if hasattr(func, "name") else str(func)
                self.calls.append(
                    Call(name, func, arguments, options, number, tuple(first.shape), self.layer)
                )
        return result

    @property
    def layer(self) -> str:
        """The name of the innermost module that runs now."""
        return self.inside[-1] if self.inside else ""

    def _with_refs(self, value: Any) -> Any:
        """Arguments with a `Ref` for every tensor that depends on the input."""
        if isinstance(value, Tensor):
            number = self.numbers.get(id(value))
            return value if number is None else Ref(number)
        if isinstance(value, (tuple, list)):
            return type(value)(self._with_refs(part) for part in value)
        return {k: self._with_refs(v) for k, v in value.items()} if isinstance(value, dict) else value


@contextmanager
def _named(module: nn.Module, inside: list[str]) -> Iterator[None]:
    """Keep the names of the modules that run, from the outermost."""
    hooks = []
    for name, one in module.named_modules():
        hooks += [
            one.register_forward_pre_hook(lambda *_, name=name: inside.append(name)),
            one.register_forward_hook(lambda *_: (inside.pop(), None)[1]),
        ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def watch(module: nn.Module, run: Callable[[Tensor], Sequence[Tensor]], example: Tensor) -> Tape:
    """Run a network once and record its operators.

    Args:
        module: with its masks.
        run: takes a batch of one sample, returns the outputs.
        example: that sample, (1, ...).

    Raises:
        Unsupported: the network does not run on it, or gives what does not depend on it.
    """
    with torch.inference_mode(False), torch.no_grad():  # inference mode records no parts of operators
        start = example.clone()
        recorder = _Recorder(start)
        with recorder, _named(module, recorder.inside):
            try:
                outputs = list(run(start))
            except FAILURES as error:
                raise refused(f"does not run on one sample ({error})", recorder.layer) from error
    if any(id(output) not in recorder.numbers or output.shape[0] != 1 for output in outputs):
        raise refused("gives an answer that does not depend on the input, or is none for each sample")
    return Tape(
        tuple(example.shape[1:]),
        recorder.calls,
        [recorder.numbers[id(output)] for output in outputs],
        [tuple(output.shape[1:]) for output in outputs],
        {layer.weight.data_ptr(): mask for _, layer, mask in masked(module)},
    )
