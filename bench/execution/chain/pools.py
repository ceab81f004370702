"""Pools: means over windows as layers, maxima over windows as steps of their own."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bench.execution.chain.builder import Draft, Pending, Value, bias_of, present
from bench.execution.chain.tape import Call, pair
from bench.execution.program.layout import ABSENT
from bench.execution.program.program import Affine, Each
from bench.execution.row_groups import Group
from bench.execution.unsupported import refused


def mean(draft: Draft, call: Call) -> Pending:
    """Means over dimensions."""
    places = draft.value(call.args[0])
    dims = [d % places.ndim for d in call.args[1]]
    if 0 in dims:
        raise refused("takes the mean of a batch")
    rest = [d for d in range(places.ndim) if d not in dims]
    rows = places.transpose(*rest, *dims).reshape(math.prod(places.shape[d] for d in rest), -1)
    return _windows(draft, list(rows), tuple(call.shape[1:]))


def adaptive(draft: Draft, call: Call) -> Pending:
    """Means over as many windows as there are results."""
    places = draft.value(call.args[0])[0]
    _, high, wide = call.shape[1:]
    _, height, width = places.shape
    rows = [
        places[c, h * height // high : -(-(h + 1) * height // high), w * width // wide : -(-(w + 1) * width // wide)]
        for c in range(len(places)) for h in range(high) for w in range(wide)
    ]  # fmt: skip
    return _windows(draft, [row.reshape(-1) for row in rows], tuple(call.shape[1:]))


def average(draft: Draft, call: Call) -> Pending:
    """Means over windows of one size."""
    places = draft.value(call.args[0])[0]
    windows = _windows_of(call, places.shape)
    options = dict(zip(("padding", "ceil", "counted", "divisor"), call.args[3:], strict=False))
    edge = any(pair(options.get("padding", 0))) and options.get("counted", True) and (windows == ABSENT).any()
    if edge or options.get("divisor") is not None:
        raise refused("takes means over an edge that counts")
    inside = [window[window != ABSENT] for window in windows]
    rows = [channel[window] for channel in places.reshape(len(places), -1) for window in inside]
    return _windows(draft, rows, tuple(call.shape[1:]))


def largest(draft: Draft, call: Call) -> Value:
    """The largest numbers of windows."""
    places = draft.value(call.args[0])[0]
    if (places == ABSENT).any():
        places = draft.copied(places)
    windows = _windows_of(call, places.shape)
    flat = np.concatenate([places.reshape(len(places), -1), np.full((len(places), 1), ABSENT)], 1)
    _, to = draft.made(tuple(call.shape[1:]))
    draft.steps.append(Each(to.reshape(-1), flat[:, windows].reshape(-1, windows.shape[1]), largest=True))
    return to[None]


def _windows(draft: Draft, windows: Sequence[np.ndarray], shape: tuple[int, ...]) -> Pending:
    """Means over windows: a row for each result, with places of its own."""
    sizes = [len(window) for window in windows]
    ends = np.cumsum([0, *sizes])
    groups = [
        Group(np.array([n]), np.arange(ends[n], ends[n + 1]), np.full((size, 1), 1 / size, np.float32))
        for n, size in enumerate(sizes)
    ]
    columns = np.concatenate(windows)
    return Pending(present(Affine(groups, columns, bias_of(None, len(sizes)), length=draft.lanes)), shape)


def _windows_of(call: Call, shape: tuple[int, ...]) -> np.ndarray:
    """The positions in a channel that each result of a pool reads, (results, taps); `ABSENT` at the edge."""
    args = [*call.args[1:], *[None] * 4]
    kernel = pair(args[0])
    stride = pair(args[1] or args[0])
    top, left = pair(args[2] or 0)
    tall, wide = pair(args[3] or 1) if call.name.startswith("max") else (1, 1)
    _, height, width = shape
    _, high, across = call.shape[1:]
    y = np.add.outer(np.arange(high) * stride[0] - top, np.arange(kernel[0]) * tall)
    x = np.add.outer(np.arange(across) * stride[1] - left, np.arange(kernel[1]) * wide)
    at = y[:, None, :, None] * width + x[None, :, None, :]
    inside = ((y >= 0) & (y < height))[:, None, :, None] & ((x >= 0) & (x < width))[None, :, None, :]
    return np.where(inside, at, ABSENT).reshape(high * across, -1)
