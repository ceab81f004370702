"""Encoding: programs as the tensors that the native chain reads."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from bench.engine.draft import Unsupported
from bench.engine.layout import ABSENT, Room
from bench.engine.program import Affine, Each, Input, Program, Step, Zero
from bench.engine.settle import settle
from bench.engine.supports import Group

FIELDS = (
    "op", "form", "chunk", "chunks", "bias", "low", "high", "work", "come", "out", "more", "mask", "outer", "inner",
    "length", "in_outer", "in_inner", "out_outer", "out_inner", "more_outer", "more_inner", "out_row", "more_row",
    "index", "count", "places",
)  # fmt: skip
"""Of a step, in the order of `Step` in kernels/runs.h."""
AFFINE, SUM, MAX, ZERO, INPUT, OUTPUT, COPY = range(7)
FORMS = ("runs", "broadcast", "slide", "gather", "lookup")
"""In the order of `Form` in kernels/chain.cpp."""
LANES = 16
BLOCK = 2 * LANES
"""Floats among which a form that looks them up finds its own."""
SLACK = 8 * LANES
"""Floats after the last buffer, for vectors that begin within it."""
WORTH_COPYING = 4
"""Numbers that follow one another, on average, from which whole segments are moved."""


@dataclass(frozen=True)
class Form:
    """How a layer is computed: which form, and how many rows at once."""

    name: str
    rows: int

    def __str__(self) -> str:
        return f"{self.name} {self.rows}"


@dataclass(frozen=True)
class Code:
    """A chain as tensors: what `torch.ops.seesaw.chain` takes beside the samples."""

    steps: Tensor
    """int64 (1 + steps, fields); the first are samples in a block, floats of room, and where chunks begin in the index"""
    index: Tensor
    """int32: lists of places, then the chunks, five numbers each"""
    values: Tensor
    """float32: weights and biases"""
    counts: list[int]
    """numbers of each answer"""

    def run(self, x: Tensor) -> list[Tensor]:
        """The answers, each (N, numbers), for samples (N, ...), contiguous float32."""
        return torch.ops.seesaw.chain.default(x, self.steps, self.index, self.values, self.counts)


def forms_of(layer: Affine) -> list[Form]:
    """The forms that can compute a layer, the likely best first."""
    runs = [Form("runs", n) for n in (8, 4, 16, 12)]
    if layer.length > 1 or layer.outer > 1 or layer.inner > 1 or layer.out_row != 1:
        return runs
    if layer.more is not None and layer.more[1] != 1:
        return runs
    forms = []
    if layer.ring is not None:
        forms += [Form("slide", n) for n in (64, 32, 16)]
    shared = len(layer.bias) / max(len(layer.groups), 1)
    if shared >= 2:
        forms += [Form("broadcast", n) for n in (64, 32, 16)]
    columns = layer.columns[layer.columns != ABSENT]
    if len(columns) and shared < LANES:
        forms.append(Form("lookup", LANES))
        if columns.max() - columns.min() < 1 << 16:
            forms += [Form("gather", n) for n in (16, 32)]
    return forms + runs[:1]


Choice = Callable[[Affine, Room], Form]
"""Tells the form for a layer of a room."""


def doubled(program: Program, forms: dict[int, Form]) -> tuple[Program, dict[int, Form]]:
    """The program with inputs that stand twice before every layer that slides along them."""
    steps: list[Step] = []
    found: dict[int, Form] = {}
    room = replace(program.room, buffers=list(program.room.buffers))
    for n, step in enumerate(program.steps):
        if n in forms and forms[n].name == "slide":
            assert isinstance(step, Affine)
            assert step.ring is not None
            rings = step.columns.reshape(-1, step.ring[1])
            buffer, places = room.vector(2 * rings.size)
            steps.append(Each(places, np.concatenate([rings, rings], 1).reshape(-1, 1)))
            step = replace(step, twice=buffer.base)
        if n in forms:
            found[len(steps)] = forms[n]
        steps.append(step)
    return replace(program, steps=steps, room=room), found


class Encoder:
    """Collects what the steps of a program say in lists of numbers."""

    def __init__(self, program: Program, form: Choice) -> None:
        self.program, self.form = program, form
        self.lanes = program.room.lanes
        self.steps: list[list[int]] = []
        self.chunks: list[tuple[int, ...]] = []
        self.index: list[np.ndarray] = []
        self.values: list[np.ndarray] = []
        self.indices = self.numbers = 0

    def code(self) -> Code:
        """The program as tensors."""
        room = self.program.room
        forms = {n: self.form(s, room) for n, s in enumerate(self.program.steps) if isinstance(s, Affine)}
        steps, forms = doubled(self.program, forms)
        program = settle(steps)
        for n, step in enumerate(program.steps):
            self._step(step, forms.get(n))
        room = max((b.base + b.size for b in program.room.buffers), default=0) + SLACK
        if room >= 1 << 31:
            raise Unsupported("The network needs too much room for a chain. Measure it with a smaller batch.")
        head = [self.lanes, room, self._list(np.array(self.chunks))]
        steps = [head + [0] * (len(FIELDS) - len(head)), *self.steps]
        return Code(
            torch.tensor(steps, dtype=torch.int64),
            _joined(self.index, np.int32),
            _joined(self.values, np.float32),
            program.counts,
        )

    def _step(self, step: Step, form: Form | None) -> None:
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
                index=self._list(step.segments), count=len(step.segments),
            )  # fmt: skip
        elif isinstance(step, Input):
            self._add(op=INPUT, index=self._list(step.to), count=len(step.to), length=self.lanes)
        else:
            self._add(
                op=OUTPUT,
                form=step.number,
                index=self._list(step.come),
                count=len(step.come),
                length=self.lanes,
            )

    def _each(self, step: Each) -> None:
        plain = step.come.shape[1] == 1 and step.low == -math.inf and step.high == math.inf
        if plain and not step.largest:
            segments = _segments(step.to, step.come[:, 0], self.lanes)
            if len(step.to) * self.lanes >= WORTH_COPYING * len(segments):
                self._add(op=COPY, index=self._list(segments), count=len(segments))
                return
        self._add(
            op=MAX if step.largest else SUM, low=_bits(step.low), high=_bits(step.high), length=self.lanes,
            index=self._list(np.concatenate([step.to, step.come.reshape(-1)])),
            count=len(step.to), places=step.come.shape[1],
        )  # fmt: skip

    def _affine(self, layer: Affine, form: Form) -> None:
        first, come = len(self.chunks), 0
        if form.name == "gather" and np.ptp(layer.columns[layer.columns != ABSENT]) >= 1 << 16:
            form = Form("runs", 8)  # settling has moved its inputs apart
        if form.name == "slide":
            self._slide(layer, form.rows)
        elif form.name == "lookup":
            self._lookup(layer)
        elif form.name == "gather":
            come = int(layer.columns[layer.columns != ABSENT].min())
            self._gather(layer, form.rows, come)
        else:
            for group in layer.groups:
                self._group(layer, group, form)
        more = layer.more or (-1, 0, 0, 0)
        self._add(
            op=AFFINE, form=FORMS.index(form.name),
            chunk=first, chunks=len(self.chunks) - first, bias=self._numbers(layer.bias),
            low=_bits(layer.low), high=_bits(layer.high), work=layer.macs, come=come, out=layer.out,
            more=more[0], more_row=more[1], more_outer=more[2], more_inner=more[3],
            mask=-1 if layer.keep is None else self._list(_padded(layer.keep)),
            outer=layer.outer, inner=layer.inner, length=layer.length, in_outer=layer.in_outer,
            in_inner=layer.in_inner, out_outer=layer.out_outer, out_inner=layer.out_inner, out_row=layer.out_row,
        )  # fmt: skip

    def _group(self, layer: Affine, group: Group, form: Form) -> None:
        """Chunks of rows that read the same places, nearly equal in size."""
        places = layer.columns[group.columns]
        order = np.argsort(places, kind="stable")
        at = self._list(places[order])
        count = -(-len(group.rows) // form.rows)
        for part in np.array_split(np.arange(len(group.rows)), count):
            values = group.values[order][:, part]
            if form.name == "broadcast":
                values = _wide(values)
            self._chunk(len(places), group.rows[part], at, values)

    def _gather(self, layer: Affine, rows: int, base: int) -> None:
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
            at = self._list(places.reshape(-1).view(np.int32))
            self._chunk(most, np.array([row for row, _, _ in some]), at, values)

    def _lookup(self, layer: Affine) -> None:
        """Slices of rows that go through the inputs block by block, each row as often as it reads from a block."""
        own = sorted(
            ((row, g, n) for g in layer.groups for n, row in enumerate(g.rows)),
            key=lambda one: -len(one[1].columns),
        )
        blocks = _blocks(layer.columns)
        for begin in range(0, len(own), LANES):
            some = own[begin : begin + LANES]
            parts = []
            for lane, (_, group, n) in enumerate(some):
                at = layer.columns[group.columns]
                order = np.argsort(at, kind="stable")
                block = np.searchsorted(blocks, at[order], side="right") - 1
                turn = np.arange(len(at)) - np.searchsorted(block, block)  # how many of its block came before
                parts.append(
                    np.stack([block, turn, np.full(len(at), lane), at[order] - blocks[block]]).astype(
                        np.int64
                    )
                )
                parts.append(group.values[order, n])
            told, values = np.concatenate(parts[::2], 1), np.concatenate(parts[1::2])
            steps, step = np.unique(told[:2], axis=1, return_inverse=True)
            step = step.reshape(-1)
            among = np.zeros((steps.shape[1], LANES), np.uint8)
            wide = np.zeros((steps.shape[1], LANES), np.float32)
            among[step, told[2]], wide[step, told[2]] = told[3], values
            at = self._list(np.concatenate([blocks[steps[0]], among.reshape(-1).view(np.int32)]))
            self._chunk(steps.shape[1], np.array([row for row, _, _ in some]), at, wide)

    def _slide(self, layer: Affine, rows: int) -> None:
        """Chunks of neighbouring rows whose places are neighbours, in inputs that stand twice."""
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
                self._chunk(len(places), start + part, self._list(places), _wide(values))

    def _chunk(self, places: int, rows: np.ndarray, at: int, values: np.ndarray) -> None:
        self.chunks.append((places, len(rows), at, self._numbers(values), self._list(rows)))

    def _add(self, **fields: int) -> None:
        self.steps.append([int(fields.get(name, 0)) for name in FIELDS])

    def _list(self, numbers: np.ndarray) -> int:
        """Where a list of whole numbers begins in the index."""
        flat = np.asarray(numbers).reshape(-1)
        self.index.append(flat)
        self.indices += len(flat)
        return self.indices - len(flat)

    def _numbers(self, values: np.ndarray) -> int:
        """Where values begin among the values."""
        flat = np.asarray(values, np.float32).reshape(-1)
        flat = np.pad(flat, (0, -len(flat) % LANES))  # so that no vector lies across two lines of the cache
        self.values.append(flat)
        self.numbers += len(flat)
        return self.numbers - len(flat)


def _blocks(columns: np.ndarray) -> np.ndarray:
    """Places where blocks begin that hold all columns; each begins at a column, so that it reads what was written."""
    left = np.unique(columns[columns != ABSENT])
    found = []
    while len(left):
        found.append(left[0])
        left = left[np.searchsorted(left, left[0] + BLOCK) :]
    return np.array(found, np.int64)


def _twice(layer: Affine) -> int:
    if layer.twice is None:
        raise ValueError("a layer of diagonals without inputs that stand twice")
    return layer.twice


def _wide(values: np.ndarray) -> np.ndarray:
    """Columns up to a whole number of vectors that the kernels know: 1, 2 or 4."""
    wide = next(n for n in (LANES, 2 * LANES, 4 * LANES) if values.shape[1] <= n)
    return np.pad(values, ((0, 0), (0, wide - values.shape[1])))


def _padded(keep: np.ndarray) -> np.ndarray:
    """A mask as bits for whole vectors: all ones where a number is kept."""
    return np.pad(np.where(keep, -1, 0), (0, SLACK))


def _segments(to: np.ndarray, come: np.ndarray, lanes: int) -> np.ndarray:
    """What follows one another in both lists, as (to, come, floats); zeros come from `ABSENT`."""
    step = np.where((come[1:] == ABSENT) & (come[:-1] == ABSENT), lanes, np.diff(come))
    apart = (np.diff(to) != lanes) | (step != lanes) | ((come[1:] == ABSENT) != (come[:-1] == ABSENT))
    starts = np.concatenate([[0], np.flatnonzero(apart) + 1])
    lengths = np.diff(np.concatenate([starts, [len(to)]])) * lanes
    return np.stack([to[starts], come[starts], lengths], 1)


def _bits(number: float) -> int:
    return struct.unpack("<i", struct.pack("<f", number))[0]


def _joined(parts: list[np.ndarray], kind: type) -> Tensor:
    """One tensor, which torch aligns better than NumPy does."""
    return torch.from_numpy(np.concatenate(parts).astype(kind) if parts else np.zeros(0, kind)).clone()
