"""Tapes: what a network does, written down while it runs once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

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
    shape: tuple[int, ...]
    """of the result, with its batch of 1"""


@dataclass(frozen=True)
class Tape:
    """All calls in order, and which of their results are the answers.

    Attributes:
        sample: shape of one input, without the batch.
        calls: in the order in which they ran.
        answers: numbers of the results.
        shapes: of the answers, without the batch.
        masks: which numbers of a weight exist, by the address of the weight; a weight that is not in it is dense.
    """

    sample: tuple[int, ...]
    calls: list[Call]
    answers: list[int]
    shapes: list[tuple[int, ...]]
    masks: dict[int, Tensor]

    def shape(self, ref: Ref) -> tuple[int, ...]:
        """Of a result, with its batch of 1."""
        return next((call.shape for call in self.calls if call.out == ref.number), (1, *self.sample))

    def uses(self) -> dict[int, int]:
        """How often each result is used, as an answer too."""
        counts: dict[int, int] = {}
        for ref in [r for call in self.calls for r in refs((call.args, call.kwargs))]:
            counts[ref.number] = counts.get(ref.number, 0) + 1
        for number in self.answers:
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


class _Watch(TorchDispatchMode):
    """Writes down every operator on a tensor that depends on the input."""

    def __init__(self, start: Tensor) -> None:
        super().__init__()
        self.numbers = {id(start): 0}
        self.alive: list[Tensor] = [start]
        """so that no number of a tensor that is gone goes to a new one"""
        self.calls: list[Call] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        told = self._told((tuple(args), kwargs or {}))
        result = func(*args, **(kwargs or {}))
        if refs(told):
            first = result[0] if isinstance(result, (tuple, list)) else result
            if isinstance(first, Tensor):
                self.alive.append(first)
                self.numbers[id(first)] = len(self.alive) - 1
                name = func.name().removeprefix("aten::") if hasattr(func, "name") else str(func)
                self.calls.append(Call(name, func, told[0], told[1], len(self.alive) - 1, tuple(first.shape)))
        return result

    def _told(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            number = self.numbers.get(id(value))
            return value if number is None else Ref(number)
        if isinstance(value, (tuple, list)):
            return type(value)(self._told(part) for part in value)
        return {k: self._told(v) for k, v in value.items()} if isinstance(value, dict) else value


def watch(module: nn.Module, run: Callable[[Tensor], Sequence[Tensor]], example: Tensor) -> Tape:
    """Run a network once and write down what it does.

    Args:
        module: whose masks tell which weights exist.
        run: takes a batch of one sample, gives the answers.
        example: that sample, (1, ...).
    """
    with torch.inference_mode(False), torch.no_grad():  # there, operators are seen in their smaller parts
        start = example.clone()
        spy = _Watch(start)
        with spy:
            answers = list(run(start))
    if any(id(answer) not in spy.numbers or answer.shape[0] != 1 for answer in answers):
        raise ValueError("an answer does not depend on the input, or is none for each sample")
    return Tape(
        tuple(example.shape[1:]),
        spy.calls,
        [spy.numbers[id(answer)] for answer in answers],
        [tuple(answer.shape[1:]) for answer in answers],
        {layer.weight.data_ptr(): mask for _, layer, mask in masked(module)},
    )
