"""Views: operators that only move numbers (views, slices, paddings) become other places to read from."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bench.execution.chain.builder import Draft, Value
from bench.execution.chain.tape import Call, Ref
from bench.execution.program.layout import ABSENT
from bench.execution.unsupported import refused

MOVES = {
    "view", "_unsafe_view", "reshape", "t", "permute", "transpose.int", "slice.Tensor", "select.int", "unsqueeze",
    "squeeze", "squeeze.dim", "squeeze.dims", "expand", "cat", "flatten.using_ints", "unflatten.int", "index.Tensor",
    "index_select", "constant_pad_nd", "flip", "unbind.int", "alias", "detach",
}  # fmt: skip
INDEXED = {"index.Tensor", "index_select"}
"""Moves that take tensors of indices."""
SAME = {"clone", "_to_copy", "contiguous", "lift_fresh", "native_dropout"}


def moved(draft: Draft, call: Call) -> Value:
    """The places of the numbers of a moved result."""
    if call.name == "constant_pad_nd":
        value = call.args[2] if len(call.args) > 2 else 0
        if value != 0:
            raise refused(f"pads with {value}")
        places = torch.from_numpy(draft.value(call.args[0]))
        return torch.nn.functional.pad(places, list(call.args[1]), value=ABSENT).numpy()
    if "view" in call.name:
        return draft.value(call.args[0]).reshape(call.shape)
    if call.name not in INDEXED and _tensors((call.args, call.kwargs)):
        raise refused("joins results with constants")
    result = call.function(*_places(draft, call.args), **_places(draft, call.kwargs))
    if not isinstance(result, Tensor):
        raise refused(f"gives a list ({call.name})")
    return result.numpy()


def _places(draft: Draft, value: Any) -> Any:
    if isinstance(value, Ref):
        return torch.from_numpy(draft.value(value))
    if isinstance(value, (tuple, list)):
        return type(value)(_places(draft, part) for part in value)
    return {k: _places(draft, v) for k, v in value.items()} if isinstance(value, dict) else value


def _tensors(value: Any) -> bool:
    """Whether there is a tensor among arguments that does not depend on the input."""
    if isinstance(value, (tuple, list)):
        return any(map(_tensors, value))
    return any(map(_tensors, value.values())) if isinstance(value, dict) else isinstance(value, Tensor)
