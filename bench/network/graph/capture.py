"""Capture: any module as stages and a classifier, held against the module itself on real numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from bench.errors import SeesawError
from bench.network.graph.borders import data_nodes, joined, pieces, segments
from bench.network.graph.exported import exported
from bench.network.graph.stages import NAME, stage
from bench.network.graph.trace import Untraceable, trace
from bench.network.graph.values import Shape, values_of
from bench.network.net import Sample

PREPARE = "prepare"
"""Name of the module that runs on samples first."""

ANSWERS = "logits", "out", "output"
"""Names under which a module may give its logits among others."""


@dataclass(frozen=True)
class Captured:
    """A module as stages, and what follows the last block as a classifier: together its own answer, bit for bit.

    Attributes:
        stages: each takes what the one before it gives, channels first.
        head: takes what the last stage gives, and gives logits.
        classes: how many logits; None where that was not seen.
    """

    stages: list[nn.Module]
    head: nn.Module
    classes: int | None


def capture(
    module: nn.Module, sample: Sample, cuts: int | None = None, prepare: nn.Module | None = None
) -> Captured:
    """The stages of a module, between tensors that every path passes.

    Args:
        module: takes a batch (N, *sample) and gives logits (N, classes). It is the caller's to give away: stages
            share its layers, and those that work in place do so no more.
        sample: form of one input.
        cuts: how many places to cut at; all block borders where left out.
        prepare: runs on the samples first, as a part of the first stage.

    Raises:
        SeesawError: what a forward does cannot be followed, samples do not fit, or stages would answer otherwise.
    """
    trains = module.training
    module.eval()
    try:
        whole = _Whole.of(module, sample, prepare)
        try:
            captured = _from_graph(module, trace(module), sample, cuts, prepare)
        except Untraceable as error:
            captured = _from_program(module, sample, whole, cuts, prepare, error)
        whole.hold(captured)
    finally:
        module.train(trains)
    for one in [*captured.stages, captured.head]:
        one.train(trains)
    return captured


def _from_program(
    module: nn.Module,
    sample: Sample,
    whole: _Whole,
    cuts: int | None,
    prepare: nn.Module | None,
    error: Untraceable,
) -> Captured:
    """A module's exported program; where it cannot be exported either, its children in order."""
    try:
        graph = exported(module, sample, error)
    except Untraceable as both:
        return _from_children(module, whole, cuts, prepare, both)
    return _from_graph(module, graph, sample, cuts, prepare)


def _from_graph(
    module: nn.Module, graph: fx.Graph, sample: Sample, cuts: int | None, prepare: nn.Module | None
) -> Captured:
    output = next(node for node in graph.nodes if node.op == "output")
    entry = next(node for node in graph.nodes if node.op == "placeholder")
    if prepare is not None:
        put_first(module, graph, entry, prepare)
    values = values_of(module, graph, sample)
    answer = answer_of(output.args[0])
    form = values.of[answer]
    if not (isinstance(form, Shape) and form.crosses and len(form.sizes) == 2):
        raise SeesawError(
            f"{type(module).__name__} gives {getattr(form, 'sizes', form)} for a batch of 2, and no logits (N, classes). "
            "Give a module that classifies."
        )
    found = pieces(segments(module, values, data_nodes(values, graph, answer)))
    *found, last = found if len(found) > 1 else [*found, None]
    found = found if cuts is None else joined(found, cuts)
    stages: list[nn.Module] = []
    for one in found:
        whole = last is None and one is found[-1]
        stages.append(stage(module, graph, values, entry, one.end, one.name, whole))
        entry = one.end
    if last is None:
        return Captured(stages, nn.Identity(), form.sizes[1])
    return Captured(stages, stage(module, graph, values, entry, answer, last.name, True), form.sizes[1])


def put_first(module: nn.Module, graph: fx.Graph, entry: fx.Node, prepare: nn.Module) -> None:
    """Let a module run on the samples before everything else, as the submodule `PREPARE`."""
    module.add_module(PREPARE, prepare)
    with graph.inserting_after(entry):
        first = graph.call_module(PREPARE, (entry,))
    entry.replace_all_uses_with(first, delete_user_cb=lambda user: user is not first)


def answer_of(value: Any) -> Any:
    """The logits in what a module gives: a tensor, the one tensor of a list, or that which is called so.

    Raises:
        SeesawError: nothing says which tensor holds the logits.
    """
    value = _named(value)
    if isinstance(value, dict):
        named = [value[name] for name in ANSWERS if name in value]
        value = named[:1] or list(value.values())
    if isinstance(value, (tuple, list)):
        value = [one for one in value if isinstance(one, (Tensor, fx.Node))]
        if len(value) != 1:
            raise SeesawError(
                f"The module gives {len(value)} tensors, and nothing says which are the logits. Return one tensor, or a "
                f"dictionary or named tuple with {ANSWERS[0]!r}."
            )
        return value[0]
    if not isinstance(value, (Tensor, fx.Node)):
        raise SeesawError(
            f"The module gives {type(value).__name__}, and no tensor of logits. Return logits (N, classes)."
        )
    return value


def _named(value: Any) -> Any:
    """A named tuple, or the operation of a graph that makes one, as a dictionary; anything else as it is."""
    if isinstance(value, fx.Node):
        made = getattr(value.target, "_fields", None)
        return value if made is None else dict(zip(made, value.args, strict=False)) | value.kwargs
    fields = getattr(value, "_fields", None)
    return value if fields is None else dict(zip(fields, value, strict=True))


@dataclass(frozen=True)
class _Whole:
    """A module's answers to real numbers; None on the meta device, where there are none.

    Attributes:
        x: the numbers.
        ask: a function that asks the module.
        answer: its first answer.
    """

    x: Tensor
    ask: Callable[[], Tensor]
    answer: Tensor | None

    @classmethod
    def of(cls, module: nn.Module, sample: Sample, prepare: nn.Module | None) -> _Whole:
        tensors = [*module.parameters(), *module.buffers()]
        if any(one.is_meta for one in tensors) or torch.get_default_device().type == "meta":
            nothing = torch.empty(0, device="meta")
            return cls(nothing, lambda: nothing, None)
        device = tensors[0].device if tensors else torch.device("cpu")
        generator = torch.Generator().manual_seed(0)
        x = sample.blank(2)
        x = torch.randn(x.shape, generator=generator) if x.is_floating_point() else x
        x = x.to(device)

        def ask() -> Tensor:
            return answer_of(module(x.clone() if prepare is None else prepare(x)))

        with torch.no_grad():
            try:
                return cls(x, ask, ask())
            except SeesawError:
                raise
            except Exception as error:
                reason = next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")
                if isinstance(error, TypeError) and "argument" in reason:
                    raise SeesawError(
                        f"{type(module).__name__} does not take a batch of samples alone ({reason}). Give a module whose forward takes "
                        "one tensor."
                    ) from error
                raise SeesawError(
                    f"{type(module).__name__} does not take samples of shape {sample.shape} ({reason}). Use larger images (a "
                    "task's size, or the backbone's size=), or another network."
                ) from error

    def hold(self, captured: Captured) -> None:
        """Check that stages and classifier answer as the whole does, bit for bit."""
        if self.answer is None:
            return
        x = self.x.clone()
        with torch.no_grad():
            for one in [*captured.stages, captured.head]:
                kept, given = x.clone(), x
                x = one(given)
                if not _equal(kept, given):
                    raise SeesawError(
                        f"{name_of(one)} changes its input in place, which another part may still need. Let it make a new "
                        "tensor."
                    )
            same = _equal(x, self.answer)
            if not same and not _equal(self.ask(), self.answer):
                raise SeesawError(
                    "The module answers the same samples otherwise each time: an operation draws random numbers (dropout that asks for no "
                    "`self.training`), or counts. Let it answer alike in `eval()`."
                )
        if not same:
            raise SeesawError(
                "The stages answer otherwise than the module: an operation changes a tensor that others see. Let it make a "
                "new tensor, in a module of its own."
            )


def _equal(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.equal(one.nan_to_num(), other.nan_to_num())


def _from_children(
    module: nn.Module, whole: _Whole, cuts: int | None, prepare: nn.Module | None, error: Untraceable
) -> Captured:
    """A module's direct children in order, where they make the whole; else the error stands."""
    children = [child for one in module.children() for child in _unrolled(one)]
    if len(children) < 2 or cuts is not None:
        raise error
    *stages, head = children if prepare is None else [prepare, *children]
    captured = Captured(stages, head, None if whole.answer is None else whole.answer.shape[-1])
    try:
        whole.hold(captured)
    except Exception as other:
        raise error from other
    return captured


def _unrolled(module: nn.Module) -> Iterable[nn.Module]:
    return module.children() if type(module) is nn.Sequential else [module]


def name_of(module: nn.Module) -> str:
    """The name of a stage in the network that it comes from, or its class."""
    own = module.meta.get(NAME) if isinstance(module, fx.GraphModule) else None
    return own or type(module).__name__


def names_of(stages: Iterable[nn.Module]) -> list[str]:
    """The names of captured stages, in order; empty where they were not captured."""
    found = list(stages)
    captured = any(isinstance(one, fx.GraphModule) and NAME in one.meta for one in found)
    return [name_of(one) for one in found] if captured else []


def digest(modules: Iterable[nn.Module]) -> str | None:
    """A digest of the graphs of captured parts: their operations and layers, without weights; None without any."""
    lines = [line for one in modules if isinstance(one, fx.GraphModule) for line in _lines(one)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16] if lines else None


def _lines(part: fx.GraphModule) -> Iterator[str]:
    yield f"part {name_of(part)}"
    for node in part.graph.nodes:
        target = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
        layer = type(part.get_submodule(str(target))).__name__ if node.op == "call_module" else ""
        yield f"{node.op} {node.name} {target} {layer} {node.args} {node.kwargs}"
    yield from (
        f"{name} {tuple(tensor.shape)}" for name, tensor in part.state_dict().items() if "mask" not in name
    )
