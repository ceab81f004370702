"""Drafts: the steps of a chain made so far, and the places of every result."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from bench.execution.chain.tape import Ref, Tape, pair
from bench.execution.program.layout import ABSENT, Buffer, Room, row_of
from bench.execution.program.program import Affine, Each, ProgramStep, Zero
from bench.execution.row_groups import Group


@dataclass
class Pending:
    """A layer that may still take in a scale, an addition or bounds that follow it."""

    layer: Affine
    shape: tuple[int, ...]
    row: int = 0
    """floats between the rows of the image it reads; 0 where it reads none"""
    stride: tuple[int, int] = (1, 1)
    bounded: bool = False


Value = np.ndarray
"""The places of a tensor's numbers, with a batch of 1."""


class Draft:
    """A chain in the making: the tape of a network, and the steps made from it so far.

    Args:
        tape: of the network.
        lanes: samples in a block.
        tight: whether a single sample's images lie as closely as those of a block: rows are no longer for the sake of
            one run over the whole image, and a stride copies nothing.
    """

    def __init__(self, tape: Tape, lanes: int, tight: bool = False) -> None:
        self.tape, self.lanes = tape, lanes
        self.single = lanes == 1 and not tight
        self.room = Room(lanes)
        self.steps: list[ProgramStep] = []
        self.uses = tape.uses()
        self.values: dict[int, Value | Pending] = {}
        self.moves = False
        """whether images have no zeros around them: convolutions that read past the edge read copies (planes.py), or leave out what
        lies there (depthwise.py)"""
        self.pad = max((max(pair(c.args[4])) for c in tape.calls if c.name == "convolution"), default=0)

    def value(self, ref: Ref) -> Value:
        """A result's places; a layer that was still pending becomes a step."""
        value = self.values[ref.number]
        if isinstance(value, Pending):
            value = self.values[ref.number] = self._emit(value)
        return value

    def own(self, ref: Ref) -> Pending | None:
        """The pending layer behind a result that nothing else uses, so that it may be changed."""
        value = self.values[ref.number]
        return value if isinstance(value, Pending) and self.uses[ref.number] == 1 else None

    def made(self, shape: tuple[int, ...], row: int = 0) -> tuple[Buffer, np.ndarray]:
        """A buffer for a tensor, with zeros around it where it is an image."""
        if len(shape) != 3:
            buffer, places = self.room.vector(math.prod(shape))
            return buffer, places.reshape(shape)
        row = max(row, row_of(shape[2])) if self.moves else row
        buffer, places = self.room.image(*shape, self.pad, row)
        assert buffer.image is not None
        if self.pad:
            self.steps.append(Zero(buffer, _edges(buffer, self.lanes)))
        return buffer, places

    def copied(self, places: np.ndarray) -> np.ndarray:
        """The places of a copy of these numbers, in a buffer of its own."""
        _, to = self.made(places.shape)
        self.steps.append(Each(to.reshape(-1), places.reshape(-1, 1)))
        return to

    def weights(self, weight: Tensor) -> tuple[np.ndarray, np.ndarray | None]:
        """A weight as rows, and the mask of its numbers; None where all exist."""
        mask = self.tape.masks.get(weight.data_ptr())
        rows = weight.detach().float().cpu().numpy().reshape(len(weight), -1)
        return rows, None if mask is None else mask.cpu().numpy().reshape(len(weight), -1)

    def _emit(self, pending: Pending) -> Value:
        """Give a layer its place to write to, and make it a step."""
        layer, lanes = pending.layer, self.lanes
        buffer, places = self.made(pending.shape, pending.row if self.single and layer.edges is None else 0)
        layer.out = int(places.reshape(-1)[0])
        image = buffer.image
        if image is None or pending.row == 0:
            layer.out_row = lanes
            if image is not None:
                return self._scattered(pending, places)
        else:
            layer.out_row = image.channel
            self._runs(layer, pending, image.row)
        self.steps.append(layer)
        return places[None]

    def _scattered(self, pending: Pending, places: np.ndarray) -> Value:
        """A layer whose rows are numbers of an image: written as a vector, then moved."""
        layer = pending.layer
        _, flat = self.room.vector(len(layer.bias))
        layer.out = int(flat[0])
        self.steps += [layer, Each(places.reshape(-1), flat.reshape(-1, 1))]
        return places[None]

    def _runs(self, layer: Affine, pending: Pending, row: int) -> None:
        """Lay out the runs of a convolution: one over the whole image, one a row, or one a pixel."""
        _, height, width = pending.shape
        lanes, (down, across) = self.lanes, pending.stride
        if layer.edges is not None:
            layer.outer, layer.length, layer.in_outer, layer.out_outer = height, width, pending.row, row
        elif pending.stride == (1, 1) and pending.row == row and self.single:
            layer.length = (height - 1) * row + width
            if row > width:
                layer.keep = np.arange(layer.length) % row < width
        elif across == 1:
            layer.outer, layer.length = height, width * lanes
            layer.in_outer, layer.out_outer = down * pending.row, row
        else:
            layer.outer, layer.inner, layer.length = height, width, lanes
            layer.in_outer, layer.out_outer = down * pending.row, row
            layer.in_inner, layer.out_inner = across * lanes, lanes


def present(layer: Affine) -> Affine:
    """The same layer without columns at `ABSENT` places, whose numbers are zero."""
    if (layer.columns != ABSENT).all():
        return layer
    groups = []
    for group in layer.groups:
        there = layer.columns[group.columns] != ABSENT
        groups.append(Group(group.rows, group.columns[there], group.values[there]))
    return replace(layer, groups=groups, ring=None)


def _edges(buffer: Buffer, lanes: int) -> np.ndarray:
    """Places and lengths of the zeros around one channel's image."""
    image = buffer.image
    assert image is not None
    starts = image.pad * image.row + image.pad * lanes + np.arange(image.height) * image.row
    ends = np.concatenate([[0], starts + image.width * lanes])
    starts = np.concatenate([starts, [image.channel]])
    return np.stack([ends, starts - ends], 1)


def bias_of(bias: Tensor | None, rows: int) -> np.ndarray:
    """A bias of so many rows, zeros where there is none."""
    return np.zeros(rows, np.float32) if bias is None else bias.detach().float().cpu().numpy()
