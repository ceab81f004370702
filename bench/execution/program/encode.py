"""Encoding: programs as the tensors that the native chain reads."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bench.execution.native import chain
from bench.execution.program.allocate import settle
from bench.execution.program.buffers import Blobs
from bench.execution.program.forms import FORMS, LANES, NARROW, Form, FormChoice, divided, doubled
from bench.execution.program.layer_rows import depthwise, gathered, grouped, looked_up, slid
from bench.execution.program.layout import ABSENT, LINE
from bench.execution.program.program import Affine, Each, Input, Planes, Program, ProgramStep, Zero
from bench.execution.unsupported import Unsupported

FIELDS = (
    "op", "form", "chunk", "chunks", "bias", "low", "high", "work", "source", "out", "more", "mask", "outer",
    "inner", "length", "in_outer", "in_inner", "out_outer", "out_inner", "more_outer", "more_inner", "out_row",
    "more_row", "index", "count", "places",
)  # fmt: skip
"""Fields of a step, in the order of `Step` in kernels/runs.h, where `source` is `in`."""
AFFINE, SUM, MAX, ZERO, INPUT, OUTPUT, COPY, PLANES = range(8)
SLACK = 8 * LANES
"""Floats after the last buffer, for vectors that begin within it."""
WORTH_COPYING = 4
"""Mean length, in numbers, from which segments are moved whole."""


@dataclass(frozen=True)
class Code:
    """A chain as tensors: the arguments of `torch.ops.seesaw.chain` beside the samples."""

    steps: Tensor
    """int64 (1 + steps, fields); the first are samples in a block, floats of room, and where chunks begin in the index"""
    index: Tensor
    """int32: lists of places, then the chunks, five numbers each"""
    values: Tensor
    """float32: weights and biases"""
    counts: list[int]
    """numbers a sample in each output"""

    def run(self, x: Tensor) -> list[Tensor]:
        """The outputs, each (N, numbers), for samples (N, ...), contiguous float32."""
        return chain(x, self.steps, self.index, self.values, self.counts)


class Encoder:
    """Collects the steps of a program in lists of numbers."""

    def __init__(self, program: Program, form: FormChoice) -> None:
        self.program, self.form = program, form
        self.lanes = program.room.lanes
        self.steps: list[list[int]] = []
        self.blobs = Blobs()

    def code(self) -> Code:
        """The program as tensors."""
        room = self.program.room
        forms = {n: self.form(s, room) for n, s in enumerate(self.program.steps) if isinstance(s, Affine)}
        steps, forms = divided(*doubled(self.program, forms))
        past = any(isinstance(s, Planes) or (isinstance(s, Affine) and s.edges) for s in steps.steps)
        program = settle(steps, LINE if past else 0)
        for n, step in enumerate(program.steps):
            self._step(step, forms.get(n))
        room = max((b.base + b.size for b in program.room.buffers), default=0) + SLACK
        if room >= 1 << 31:
            raise Unsupported("The network needs too much room for a chain. Measure it with a smaller batch.")
        head = [self.lanes, room, self.blobs.listed(np.array(self.blobs.chunks))]
        steps = [head + [0] * (len(FIELDS) - len(head)), *self.steps]
        return Code(
            torch.tensor(steps, dtype=torch.int64),
            *self.blobs.tensors(),
            program.counts,
        )

    def _step(self, step: ProgramStep, form: Form | None) -> None:
        if isinstance(step, Affine):
            assert form is not None
            self._affine(step, form)
        elif isinstance(step, Each):
            self._each(step)
        elif isinstance(step, Zero):
            image = step.buffer.image
            assert image is not None
            self._add(
                op=ZERO, out=step.buffer.base, outer=image.channels, out_outer=image.channel,
                index=self.blobs.listed(step.segments), count=len(step.segments),
            )  # fmt: skip
        elif isinstance(step, Planes):
            self._planes(step)
        elif isinstance(step, Input):
            self._end(step.to, step.to, np.arange(len(step.to)), op=INPUT)
        else:
            self._end(step.sources, np.arange(len(step.sources)), step.sources, op=OUTPUT, form=step.number)

    def _end(self, places: np.ndarray, to: np.ndarray, sources: np.ndarray, **fields: int) -> None:
        """A step for an input or output: by segments where a block is one sample and that pays."""
        segments = _segments(to, sources, 1) if self.lanes == 1 and len(to) else None
        if segments is None or len(segments) * WORTH_COPYING > len(to):
            lists = {"index": self.blobs.listed(places)}
        else:
            lists = {"index": self.blobs.listed(segments), "places": len(segments)}
        self._add(**fields, **lists, count=len(to), length=self.lanes)

    def _each(self, step: Each) -> None:
        plain = step.sources.shape[1] == 1 and step.low == -math.inf and step.high == math.inf
        if plain and not step.largest:
            for every in (1, 2) if self.lanes == 1 else (1,):  # strides of 2 take every other number of a row
                segments = _segments(step.to, step.sources[:, 0], self.lanes, every)
                if len(step.to) * self.lanes >= WORTH_COPYING * len(segments):
                    self._add(op=COPY, index=self.blobs.listed(segments), count=len(segments), places=every)
                    return
        self._add(
            op=MAX if step.largest else SUM, low=_bits(step.low), high=_bits(step.high), length=self.lanes,
            index=self.blobs.listed(np.concatenate([step.to, step.sources.reshape(-1)])),
            count=len(step.to), places=step.sources.shape[1],
        )  # fmt: skip

    def _planes(self, step: Planes) -> None:
        vectors = np.asarray(step.there.reshape(len(step.there), -1, LANES).any(2))
        first = vectors.argmax(1) * LANES
        last = np.where(vectors.any(1), vectors.shape[1] - vectors[:, ::-1].argmax(1), 0) * LANES
        self._add(
            op=PLANES, index=self.blobs.listed(np.concatenate([step.begin, first, last, step.sources.reshape(-1)])),
            count=len(step.sources), places=len(step.there), out=step.out, out_row=step.there.shape[1],
            mask=self.blobs.listed(np.where(step.there, -1, 0)),
        )  # fmt: skip

    def _affine(self, layer: Affine, form: Form) -> None:
        first, base, unit, narrow = len(self.blobs.chunks), 0, 1, False
        if form.name == "gather" and np.ptp(layer.columns[layer.columns != ABSENT]) >= 1 << 16:
            form = Form("runs", 8)  # allocation has moved its inputs apart
        if form.name == "slide":
            slid(self.blobs, layer, form.rows)
        elif form.name == "lookup":
            looked_up(self.blobs, layer)
        elif form.name == "gather":
            base = int(layer.columns[layer.columns != ABSENT].min())
            gathered(self.blobs, layer, form.rows, base)
        elif layer.edges is not None:
            way, base = layer.edges, int(layer.columns.min())
            depthwise(self.blobs, layer, base, form.rows)
            unit = self.blobs.listed(np.array([way.wide, *way.image, way.kernel, *way.pad, *way.stride]))
        else:
            read = layer.columns[layer.columns != ABSENT]
            base = int(read.min()) if len(read) else 0
            if form.name == "runs":
                unit = LINE if not ((read - base) % LINE).any() else 1
                narrow = layer.inner == 1 and (int(read.max(initial=0)) - base) // unit < NARROW
            for group in layer.groups:
                grouped(self.blobs, layer, group, form, base, unit, narrow=narrow)
        more = layer.more or (-1, 0, 0, 0)
        self._add(
            op=AFFINE, form=FORMS.index(form.name),
            chunk=first, chunks=len(self.blobs.chunks) - first, bias=self.blobs.numbers(layer.bias),
            low=_bits(layer.low), high=_bits(layer.high), work=layer.macs, source=base, out=layer.out,
            more=more[0], more_row=more[1], more_outer=more[2], more_inner=more[3],
            mask=-1 if layer.keep is None else self.blobs.listed(_padded(layer.keep)),
            outer=layer.outer, inner=layer.inner, length=layer.length, in_outer=layer.in_outer,
            in_inner=layer.in_inner, out_outer=layer.out_outer, out_inner=layer.out_inner, out_row=layer.out_row,
            index=unit, count=narrow, places=form.strip,
        )  # fmt: skip

    def _add(self, **fields: int) -> None:
        self.steps.append([int(fields.get(name, 0)) for name in FIELDS])


def _padded(keep: np.ndarray) -> np.ndarray:
    """A mask as bits for whole vectors: all ones where a number is kept."""
    return np.pad(np.where(keep, -1, 0), (0, SLACK))


def _segments(to: np.ndarray, sources: np.ndarray, lanes: int, every: int = 1) -> np.ndarray:
    """Segments (to, source, floats) of places that follow one another in both lists, in that of sources every so many;
    `ABSENT` gives zeros.
    """
    absent = sources == ABSENT
    step = np.where(absent[1:] & absent[:-1], every * lanes, np.diff(sources))
    apart = (np.diff(to) != lanes) | (step != every * lanes) | (absent[1:] != absent[:-1])
    starts = np.concatenate([[0], np.flatnonzero(apart) + 1])
    lengths = np.diff(np.concatenate([starts, [len(to)]])) * lanes
    return np.stack([to[starts], sources[starts], lengths], 1)


def _bits(number: float) -> int:
    return struct.unpack("<i", struct.pack("<f", number))[0]
