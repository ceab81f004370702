"""Layer rows: a layer's rows as chunks, in each of the forms that compute it."""

from __future__ import annotations

import numpy as np

from bench.execution.program.buffers import Blobs
from bench.execution.program.forms import LANES, Form
from bench.execution.program.look_ups import steps_of
from bench.execution.program.program import Affine
from bench.execution.row_groups import Group

WINDOW = 2 * LANES
"""Floats among which the form `lookup` takes its own."""


def grouped(
    blobs: Blobs, layer: Affine, group: Group, form: Form, base: int, unit: int, *, narrow: bool
) -> None:
    """Chunks of rows that read the same places, nearly equal in size.

    Args:
        blobs: to add them to.
        layer: that the rows belong to.
        group: of rows.
        form: of the layer.
        base: the place from which the places of chunks are counted,
        unit: in so many floats.
        narrow: whether a single row's places have 16 bits.
    """
    places = (layer.columns[group.columns] - base) // unit
    order = np.argsort(places, kind="stable")
    values, rows, lists = group.values[order], len(group.rows), dict[bool, int]()
    count = -(-rows // form.rows)
    for n in range(count):
        part = slice(rows * n // count, rows * (n + 1) // count)
        halved = narrow and part.stop - part.start == 1
        if halved not in lists:
            lists[halved] = blobs.listed(_halves(places[order]) if halved else places[order])
        own = _wide(values[:, part]) if form.name == "broadcast" else values[:, part]
        blobs.chunk(len(places), group.rows[part], lists[halved], own)


def _halves(places: np.ndarray) -> np.ndarray:
    """The same places in 16 bits, two in each number of a list."""
    return np.pad(places, (0, len(places) % 2)).astype(np.uint16).view(np.int32)


def gathered(blobs: Blobs, layer: Affine, rows: int, base: int) -> None:
    """Slices of rows with places of their own, the rows with most weights first."""
    own = [(row, g, n) for g in layer.groups for n, row in enumerate(g.rows)]
    own.sort(key=lambda one: -len(one[1].columns))
    for begin in range(0, len(own), rows):
        some = own[begin : begin + rows]
        wide = LANES if len(some) <= LANES else 2 * LANES if len(some) <= 2 * LANES else 4 * LANES
        most = max(len(g.columns) for _, g, _ in some)
        places, values = np.zeros((most, wide), np.uint16), np.zeros((most, wide), np.float32)
        for lane, (_, group, n) in enumerate(some):
            places[: len(group.columns), lane] = layer.columns[group.columns] - base
            values[: len(group.columns), lane] = group.values[:, n]
        at = blobs.listed(places.reshape(-1).view(np.int32))
        blobs.chunk(most, np.array([row for row, _, _ in some]), at, values)


def looked_up(blobs: Blobs, layer: Affine) -> None:
    """Slices of rows that walk along the inputs together, each looking its own up."""
    for some in steps_of(layer.groups, layer.columns, WINDOW):
        at = blobs.listed(np.concatenate([some.places, some.among.reshape(-1).view(np.int32)]))
        blobs.chunk(len(some.places), some.rows, at, some.values)


def slid(blobs: Blobs, layer: Affine, rows: int) -> None:
    """Chunks of neighbouring rows that read neighbouring places, in inputs that stand twice in a row."""
    assert layer.ring is not None
    offsets, ring = layer.ring
    outputs, inputs = len(layer.bias), len(layer.columns)
    dense = np.zeros((outputs, inputs), np.float32)
    for group in layer.groups:
        dense[np.ix_(group.rows, group.columns)] = group.values.T
    twice = _twice(layer)
    for start in range(0, outputs, ring):
        for begin in range(0, ring, rows):
            part = np.arange(begin, min(begin + rows, ring))
            turned = (part[None, :] + offsets[:, None]) % ring
            blocks = np.arange(0, inputs, ring)
            values = dense[start + part, (blocks[:, None, None] + turned)].reshape(-1, len(part))
            places = np.add.outer(blocks * 2, (begin + offsets) % ring).reshape(-1) + twice
            blobs.chunk(len(places), start + part, blobs.listed(places), _wide(values))


def depthwise(blobs: Blobs, layer: Affine, base: int, together: int) -> None:
    """Chunks of so many neighbouring rows, each of which reads one image; their values tap by tap."""
    taps, rows = layer.taps, np.arange(len(layer.bias))
    images = np.repeat(layer.columns[::taps], len(rows) * taps // len(layer.columns))
    values = np.zeros((len(rows), taps), np.float32)
    for group in layer.groups:
        values[np.ix_(group.rows, group.columns % taps)] = group.values.T
    for begin in range(0, len(rows), together):
        some = rows[begin : begin + together]
        filled = np.pad(some, (0, together - len(some)), mode="edge")
        blobs.chunk(taps, some, blobs.listed(images[filled] - base), values[filled].T)


def _twice(layer: Affine) -> int:
    if layer.twice is None:
        raise ValueError("a layer of diagonals without inputs that stand twice")
    return layer.twice


def _wide(values: np.ndarray) -> np.ndarray:
    """The values with columns of zeros, up to a number of vectors that the kernels have: 1, 2 or 4."""
    wide = next(n for n in (LANES, 2 * LANES, 4 * LANES) if values.shape[1] <= n)
    return np.pad(values, ((0, 0), (0, wide - values.shape[1])))
