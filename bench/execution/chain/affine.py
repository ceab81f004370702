"""Affine layers: linear ones, convolutions and normalisation, as rows of weighted sums over places."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from bench.execution.chain.builder import Draft, Pending, Value, bias_of, present
from bench.execution.chain.depthwise import edges_of, is_depthwise
from bench.execution.chain.planes import columns_of, window_of
from bench.execution.chain.tape import Call, Ref, pair
from bench.execution.chain.windows import padded, phases_of
from bench.execution.program.program import Affine
from bench.execution.row_groups import Group, groups_of
from bench.execution.unsupported import refused
from bench.network.sparse import degree


def linear(draft: Draft, x: Ref, transposed: Tensor, bias: Tensor | None) -> Pending:
    """A linear layer; the offsets of cyclic diagonals are kept for the slide form."""
    if not isinstance(x, Ref) or not isinstance(transposed, Tensor):
        raise refused("multiplies two results")
    value = draft.value(x)
    if len(value) != 1:
        raise refused("maps the parts of a sequence")
    weight, mask = draft.weights(transposed.t())
    columns = value.reshape(-1)
    layer = Affine(groups_of(weight, mask), columns, bias_of(bias, len(weight)), length=draft.lanes)
    straight = np.array_equal(columns, columns[0] + np.arange(len(columns)) * draft.lanes)
    if mask is not None and straight and draft.single and (offsets := degree.offsets_of(mask)) is not None:
        layer.ring = (offsets, math.gcd(*weight.shape))
    return Pending(present(layer), (len(weight),))


def convolution(draft: Draft, call: Call) -> Pending:
    """A convolution of any kernel, stride, padding, dilation and groups."""
    x, weight, bias, stride, padding, dilation, transposed, _, parts = call.args
    if transposed or not isinstance(x, Ref):
        raise refused("is a transposed convolution")
    places = draft.value(x)[0]
    shape = call.shape[1:]
    if places[0].size == 1 and math.prod(weight.shape[2:]) == 1 and not any(padding):
        groups = _kernels(draft, weight, parts)
        layer = Affine(groups, places.reshape(-1), bias_of(bias, len(weight)), length=draft.lanes)
        return Pending(present(layer), shape)
    if places.ndim != 3:
        raise refused("is a 1-D convolution")
    (down, across), (top, left), (tall, wide) = map(pair, (stride, padding, dilation))
    kernel = weight.shape[2:]
    taps = [(y * tall - top, x * wide - left) for y in range(kernel[0]) for x in range(kernel[1])]
    if draft.moves and is_depthwise(draft, call):
        columns, row, edges = edges_of(draft, places, call)
        groups = _kernels(draft, weight, parts)
        layer = Affine(groups, columns, bias_of(bias, len(weight)), taps=len(taps), edges=edges)
        return Pending(layer, shape, row)
    moved = draft.moves and (top or left)
    phased = draft.single and (down, across) != (1, 1)
    if moved:
        window = window_of(draft, call)
        columns, row = columns_of(draft, places, window), window.row
    elif phased:
        columns, row = phases_of(draft, places, taps, (down, across), shape)
    else:
        first, row = padded(draft, places, max(top, left))
        columns = np.add.outer(first, [y * row + x * draft.lanes for y, x in taps]).reshape(-1)
    layer = Affine(_kernels(draft, weight, parts), columns, bias_of(bias, len(weight)), taps=len(taps))
    return Pending(present(layer), shape, row, (1, 1) if moved or phased else (down, across))


def _kernels(draft: Draft, weight: Tensor, parts: int) -> list[Group]:
    """The groups of a convolution's rows over columns (channel, tap)."""
    rows, mask = draft.weights(weight)
    high, wide = len(rows) // parts, rows.shape[1]
    groups = []
    for part in range(parts):
        span = slice(part * high, (part + 1) * high)
        groups += [
            Group(g.rows + part * high, g.columns + part * wide, g.values)
            for g in groups_of(rows[span], None if mask is None else mask[span])
        ]
    return groups


def normalised(draft: Draft, call: Call) -> Pending:
    """Batch normalisation, folded into the layer before it where nothing else reads that layer."""
    x, weight, bias, mean, var = call.args[:5]
    eps = call.args[-1]
    if mean is None or var is None:
        raise refused("normalises by the statistics of a batch")
    scale = (torch.rsqrt(var + eps) if weight is None else weight * torch.rsqrt(var + eps)).detach()
    shift = (-mean * scale if bias is None else bias - mean * scale).detach()
    return _scaled(draft, x, scale.float().cpu().numpy(), shift.float().cpu().numpy())


def scaled(draft: Draft, call: Call) -> Pending:
    """A result times a number, or one for each channel; folded into the layer before it where possible."""
    x, factor = call.args if isinstance(call.args[0], Ref) else call.args[::-1]
    if isinstance(factor, Ref):
        raise refused("multiplies two results")
    shape, channels = call.shape, call.shape[1]
    if draft.tape.shape(x) != shape:
        raise refused("multiplies what then has another shape")
    whole = torch.as_tensor(factor, dtype=torch.float32).detach().cpu().expand(shape)
    scale = whole.reshape(channels, -1)
    if not bool((scale == scale[:, :1]).all()):
        raise refused("multiplies the places of a channel by different numbers")
    return _scaled(draft, x, scale[:, 0].numpy(), np.zeros(channels, np.float32))


def _scaled(draft: Draft, x: Ref, scale: np.ndarray, shift: np.ndarray) -> Pending:
    """Every channel times a number, and a number added."""
    pending = draft.own(x)
    if pending is None or pending.bounded or pending.layer.more is not None:
        pending = _diagonal(draft, draft.value(x))
    layer = pending.layer
    scale, shift = (
        np.repeat(one, len(layer.bias) // len(one)) for one in (scale, shift)
    )  # pools: a row a place
    layer.groups = [replace(g, values=g.values * scale[g.rows]) for g in layer.groups]
    layer.bias = layer.bias * scale + shift
    return pending


def _diagonal(draft: Draft, value: Value) -> Pending:
    """A layer that passes every channel on unchanged."""
    places = value[0]
    ones = [Group(np.array([c]), np.array([c]), np.ones((1, 1), np.float32)) for c in range(len(places))]
    if places.ndim == 1:
        return Pending(
            present(Affine(ones, places, bias_of(None, len(places)), length=draft.lanes)), places.shape
        )
    if places.ndim != 3:
        raise refused("normalises a sequence")
    first, row = padded(draft, places, 0)
    return Pending(Affine(ones, first, bias_of(None, len(places))), places.shape, row)
