"""Fusions: additions and activations, taken into the layer before them where nothing else reads it."""

from __future__ import annotations

import math

import numpy as np

from bench.execution.chain.builder import Draft, Pending, Value
from bench.execution.chain.tape import Call, Ref
from bench.execution.program.layout import grid_of
from bench.execution.program.program import Each
from bench.execution.unsupported import refused


def bounded(draft: Draft, call: Call, low: float, high: float) -> Value | Pending:
    """A result between bounds."""
    pending = draft.own(call.args[0])
    if pending is None:
        places = draft.value(call.args[0])[0]
        _, to = draft.made(places.shape)
        draft.steps.append(Each(to.reshape(-1), places.reshape(-1, 1), low=low, high=high))
        return to[None]
    layer = pending.layer
    layer.low, layer.high = min(max(layer.low, low), high), max(min(layer.high, high), low)
    pending.bounded = True
    return pending


def clamped(draft: Draft, call: Call, low: float | None, high: float | None) -> Value | Pending:
    """A result between the bounds of the call, or else between these; None is no bound."""
    bounds = [*call.args[1:], None, None][:2]
    low, high = (bounds[0] if bounds[0] is not None else low), (bounds[1] if bounds[1] is not None else high)
    return bounded(draft, call, -math.inf if low is None else low, math.inf if high is None else high)


def summed(draft: Draft, call: Call) -> Value | Pending:
    """The sum of two results."""
    a, b = call.args[:2]
    shape = call.shape[1:]
    if not (isinstance(a, Ref) and isinstance(b, Ref)) or call.kwargs.get("alpha", 1) != 1:
        raise refused("adds a constant")
    for one, other in ((a, b), (b, a)):
        pending = draft.own(one)
        if pending is None or pending.bounded or pending.layer.more is not None or one == other:
            continue
        if pending.layer.edges is not None and pending.layer.edges.stride != (1, 1):
            continue
        places = draft.value(other)
        if places.shape[1:] == shape == pending.shape:
            _add(draft, pending, places[0])
            return pending
    first, second = draft.value(a)[0], draft.value(b)[0]
    first, second = np.broadcast_arrays(first, second)
    _, to = draft.made(shape)
    draft.steps.append(Each(to.reshape(-1), np.stack([first.reshape(-1), second.reshape(-1)], 1)))
    return to[None]


def _add(draft: Draft, pending: Pending, places: np.ndarray) -> None:
    """Let a layer add the numbers at these places, before its bounds."""
    if pending.row == 0:
        flat = places.reshape(-1)
        together = len(np.unique(draft.room.of(flat))) == 1
        if not together or not np.array_equal(flat, flat[0] + np.arange(len(flat)) * draft.lanes):
            flat = draft.copied(flat)
        pending.layer.more = (int(flat[0]), draft.lanes, 0, 0)
        return
    images = places.reshape(places.shape[0], -1, places.shape[-1])
    row = 0  # as it is
    if draft.single and pending.layer.edges is None:
        row = max(pending.row, (images.shape[2] + 2 * draft.pad) * draft.lanes)
    grid = grid_of(images, draft.lanes, row)
    channel = int(images[1, 0, 0] - images[0, 0, 0]) if len(images) > 1 else 0
    together = len(np.unique(draft.room.of(images))) == 1
    even = (
        together
        and grid is not None
        and np.array_equal(grid.first, grid.first[0] + np.arange(len(images)) * channel)
    )
    if grid is None or not even or (row and grid.row != row):
        buffer, images = draft.room.image(*images.shape, draft.pad, row)
        assert buffer.image is not None
        draft.steps.append(Each(images.reshape(-1), places.reshape(-1, 1)))
        grid, channel = grid_of(images, draft.lanes, buffer.image.row), buffer.image.channel
        assert grid is not None
    inner = draft.lanes if pending.stride[1] != 1 else 0
    pending.layer.more = (int(grid.first[0]), channel, grid.row, inner)
