"""Programs: the steps of a chain over one room."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bench.execution.program.layout import Buffer, Room
from bench.execution.row_groups import Group


@dataclass(frozen=True)
class Edges:
    """The way of a depthwise convolution over images that have no zeros around them.

    Attributes:
        kernel: taps down and across, the same.
        pad: how far down and across it begins before an image.
        stride: numbers of an image from one result to the next, down and across.
        image: height and width of an image.
        wide: floats of a channel in one vector, which holds the same row of several channels where rows are short: 16, 8 or 4.
    """

    kernel: int
    pad: tuple[int, int]
    stride: tuple[int, int]
    image: tuple[int, int]
    wide: int


@dataclass
class Affine:
    """A layer: rows of weighted sums over places, along runs.

    Attributes:
        groups: rows that read the same columns, by their number in `columns`.
        columns: places of the columns at the first position of a run.
        bias: of every row.
        out: place of the first row's first position; rows are `out_row` floats apart.
        outer, inner, length: lines, runs in a line, floats in a run.
        in_outer, in_inner, out_outer, out_inner: floats from one to the next.
        low, high: bounds of the result.
        more: numbers to add: place of the first, then floats from one row, line and run to the next.
        keep: which positions of a run are numbers of the image, boolean (length,); None where all are.
        ring: for a layer of cyclic diagonals, their offsets round a ring, and the length of the ring.
        window: for a layer whose result is the largest sum of a window, how far from the first position the sums of a result
            are taken, rising from 0 (W,); None where the result is the sum.
    """

    groups: list[Group]
    columns: np.ndarray
    bias: np.ndarray
    out: int = 0
    out_row: int = 1
    outer: int = 1
    inner: int = 1
    length: int = 1
    in_outer: int = 0
    in_inner: int = 0
    out_outer: int = 0
    out_inner: int = 0
    low: float = -math.inf
    high: float = math.inf
    more: tuple[int, int, int, int] | None = None
    keep: np.ndarray | None = None
    ring: tuple[np.ndarray, int] | None = None
    twice: int | None = None
    """place of the inputs, every ring of them twice in a row, for a layer that slides along them"""
    layer: str = ""
    """name of the module that it comes from"""
    window: np.ndarray | None = None
    taps: int = 1
    """columns of a channel, which follow one another"""
    edges: Edges | None = None
    """of a depthwise convolution over such images: all columns of a channel are then the place of its image"""

    @property
    def macs(self) -> int:
        """Products of one call."""
        windows = 1 if self.window is None else len(self.window)
        return sum(g.values.size for g in self.groups) * self.outer * self.inner * self.length * windows


@dataclass
class Each:
    """Every element the sum (or the largest) of numbers elsewhere, between bounds.

    Attributes:
        to: places, (E,).
        sources: places of the numbers, (E, K); `ABSENT` is left out.
        largest: the largest of them instead of their sum.
    """

    to: np.ndarray
    sources: np.ndarray
    largest: bool = False
    low: float = -math.inf
    high: float = math.inf
    layer: str = ""
    """name of the module that it comes from"""


@dataclass
class Zero:
    """Zeros around the images of a buffer; `segments` (S, 2) are places and lengths within a channel."""

    buffer: Buffer
    segments: np.ndarray


@dataclass
class Planes:
    """Copies of images, each moved along their rows, with zeros where it then has no number of the image.

    Attributes:
        sources: first place of the image of every channel and copy, (C, P).
        begin: how far along the rows of the image each copy begins, (P,).
        there: which numbers of a copy are numbers of the image, (P, floats of a copy).
        out: place of the first copy of the first channel; a channel's copies follow one another.
    """

    sources: np.ndarray
    begin: np.ndarray
    there: np.ndarray
    out: int
    layer: str = ""
    """name of the module that it comes from"""


@dataclass
class Input:
    """The samples' numbers, each to its place."""

    to: np.ndarray


@dataclass
class Output:
    """An output's numbers, each from its place."""

    number: int
    sources: np.ndarray


ProgramStep = Affine | Each | Zero | Planes | Input | Output


@dataclass
class Program:
    """Steps in order, over the buffers of one room."""

    steps: list[ProgramStep]
    room: Room
    counts: list[int]
    """numbers a sample in every output"""
    shapes: list[tuple[int, ...]]
    """of every output, without the batch"""
