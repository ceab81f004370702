"""Encoding: programs of whole numbers as the tensors that native code reads, for a block of samples side by side.

A place of the program holds one level; in a block it holds one of every sample. So what lies in a run of a single sample lies
in a longer run of a block, and one program serves blocks of every width.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from bench.execution import native
from bench.execution.int8.forms import ACROSS, AMONG, FormChoice, fastest, forms_of
from bench.execution.int8.quantise import IntAffine, IntEach, IntProgram, IntStep
from bench.execution.int8.sheets import Sheet, sheet_of
from bench.execution.program.choices import choices
from bench.execution.program.forms import LANES
from bench.execution.program.layout import ABSENT
from bench.execution.program.look_ups import steps_of
from bench.execution.program.program import Zero
from bench.execution.row_groups import Group
from bench.execution.unsupported import Unsupported, refused

FIELDS = (
    "op", "form", "chunk", "chunks", "work", "start", "shift", "low", "span", "more_factor", "output", "out", "more", "outer",
    "inner", "length", "in_outer", "in_inner", "out_outer", "out_inner", "more_outer", "more_inner", "out_row", "more_row",
    "index", "count", "places", "scale",
)  # fmt: skip
"""Fields of a step, in the order of `WholeStep` in kernels/whole_steps.h."""
WEIGHTED, ADDED, LARGEST, CLEARED, TAKEN, GIVEN = range(6)
TOGETHER = 4
"""Numbers of a row that one step takes, at most."""
SLACK = 8 * LANES
"""Levels after the last place, for vectors that begin within it."""


@dataclass(frozen=True)
class IntCode:
    """A program as tensors: the arguments of `WholeChain` in kernels/whole.h."""

    steps: Tensor
    index: Tensor
    values: Tensor
    biases: Tensor
    factors: Tensor
    scales: Tensor
    counts: list[int]
    """numbers a sample in each output: of every exit, and of the feature, if any"""

    @property
    def arguments(self) -> tuple[Tensor | list[int], ...]:
        """Those of `WholeChain`, in order."""
        return self.steps, self.index, self.values, self.biases, self.factors, self.scales, self.counts


class IntEncoder:
    """Collects the steps of a program in lists of numbers.

    Args:
        program: of one sample.
        lanes: samples in a block.
        form: chooses the form of a layer; None takes the fastest on this machine.
    """

    def __init__(self, program: IntProgram, lanes: int, form: FormChoice | None = None) -> None:
        kernels = native.classes()
        if kernels is None:
            raise Unsupported(f"There are no native kernels: {native.why_no_kernels()}.")
        self.program, self.lanes, self.form = program, lanes, form or self._fastest
        self.beside, self.offset = kernels.whole_rows(), kernels.whole_offset()
        self.window, self.aligned = kernels.whole_window(), kernels.whole_aligned()
        self.sheet = 0
        self.steps: list[list[int]] = []
        self.chunks: list[tuple[int, ...]] = []
        self.index, self.values = _Numbers(np.int32), _Numbers(np.int8)
        self.biases, self.factors, self.scales = _Numbers(np.int32), _Numbers(np.int32), _Numbers(np.float32)

    def code(self) -> IntCode:
        """The program as tensors.

        Raises:
            Unsupported: there are no native kernels, or it needs more room than they count.
        """
        program, lanes = self.program, self.lanes
        size = program.size * lanes + SLACK
        if size >= 1 << 31:
            raise Unsupported("The network needs too much room for a chain. Measure it with a smaller batch.")
        sample = len(program.inputs)
        self._list(TAKEN, program.inputs, _bits(float(program.inverse)))
        counts = list[int]()
        for stretch in program.stretches:
            for step in stretch:
                if isinstance(step, IntAffine) and step.scales is not None:
                    self._affine(step, output=len(counts))
                    counts.append(len(step.scales))
                else:
                    self._step(step)
        if program.feature is not None:
            self._list(GIVEN, program.feature, _bits(float(program.scale)), output=len(counts))
            counts.append(len(program.feature))
        if self.form == self._fastest:
            choices(torch.get_num_threads()).keep()
        if self.sheet >= 1 << 31:
            raise Unsupported("The network needs too much room for a chain. Measure it with a smaller batch.")
        head = [lanes, size, self.index.add(np.array(self.chunks).reshape(-1)), sample, self.sheet]
        return IntCode(
            torch.tensor([head + [0] * (len(FIELDS) - len(head)), *self.steps], dtype=torch.int64),
            self.index.tensor(),
            self.values.tensor(),
            self.biases.tensor(),
            self.factors.tensor(),
            self.scales.tensor(),
            counts,
        )

    def _step(self, step: IntStep) -> None:
        if isinstance(step, IntAffine):
            self._affine(step, output=-1)
        elif isinstance(step, IntEach):
            self._each(step)
        else:
            self._zero(step)

    def _list(self, op: int, places: np.ndarray, scale: int, output: int = 0) -> None:
        self._add(
            op=op, index=self.index.add(places * self.lanes), count=len(places), scale=scale, output=output
        )

    def _zero(self, step: Zero) -> None:
        image = step.buffer.image
        assert image is not None
        self._add(
            op=CLEARED, out=step.buffer.base * self.lanes, outer=image.channels, out_outer=image.channel * self.lanes,
            index=self.index.add(step.segments.astype(np.int64) * self.lanes), count=len(step.segments),
        )  # fmt: skip

    def _each(self, each: IntEach) -> None:
        step = each.step
        sources = np.where(step.sources == ABSENT, ABSENT, step.sources * self.lanes)
        places = np.concatenate([step.to * self.lanes, sources.reshape(-1)])
        fields = {"index": self.index.add(places), "count": len(step.to), "places": step.sources.shape[1]}
        if each.scaling is None:
            self._add(op=LARGEST, low=each.low, span=each.high - each.low, length=self.lanes, **fields)
            return
        scaling = each.scaling
        self._add(
            op=ADDED, start=scaling.start, shift=scaling.shift, low=scaling.low, span=scaling.high - scaling.low,
            scale=self.index.add(scaling.factors), length=self.lanes, **fields,
        )  # fmt: skip

    def _affine(self, layer: IntAffine, output: int) -> None:
        step, lanes = layer.step, self.lanes
        if step.keep is not None or step.twice is not None:
            raise refused("has runs of which some numbers are left out")
        form, first = self.form(layer, lanes, forms_of(layer, lanes)), len(self.chunks)
        fields: dict[str, int] = {"in_outer": step.in_outer * lanes, "in_inner": step.in_inner * lanes}
        if form == AMONG:
            sheet = sheet_of(step, lanes)
            assert sheet is not None
            fields |= self._among(layer, sheet)
        else:
            for group in layer.groups:
                self._group(layer, group, across=form == ACROSS)
        if layer.scaling is not None:
            scaling = layer.scaling
            fields |= {
                "start": scaling.start, "shift": scaling.shift, "low": scaling.low, "span": scaling.high - scaling.low,
                "more_factor": layer.more,
            }  # fmt: skip
        more = (-1, 0, 0, 0) if step.more is None else tuple(one * lanes for one in step.more)
        self._add(
            op=WEIGHTED, form=form, chunk=first, chunks=len(self.chunks) - first,
            work=step.macs * lanes, output=output, out=step.out * lanes, out_row=step.out_row * lanes, outer=step.outer,
            inner=step.inner, length=step.length * lanes,
            out_outer=step.out_outer * lanes, out_inner=step.out_inner * lanes, more=more[0], more_row=more[1],
            more_outer=more[2], more_inner=more[3], **fields,
        )  # fmt: skip

    def _group(self, layer: IntAffine, group: Group, *, across: bool) -> None:
        """Chunks of rows that read the same places, nearly equal in size."""
        step, rows = layer.step, len(group.rows)
        places = step.columns[group.columns] * self.lanes
        order = np.argsort(places, kind="stable")
        filled = -len(places) % TOGETHER
        own = np.pad(places[order], (0, filled), mode="edge") if len(places) else places
        at, values = self.index.add(own), np.pad(group.values[order], ((0, filled), (0, 0)))
        offsets = self.offset * group.values.astype(np.int64).sum(0)
        most = 4 * LANES if across else self.beside
        count = -(-rows // most)
        for n in range(count):
            part = slice(rows * n // count, rows * (n + 1) // count)
            some = group.rows[part]
            wide = next(n * LANES for n in (1, 2, 4) if len(some) <= n * LANES) if across else len(some)
            fill = (0, wide - len(some))
            fours = np.pad(values[:, part], ((0, 0), fill)).reshape(-1, TOGETHER, wide).transpose(0, 2, 1)
            slot = self._slot(layer, some, offsets[part], fill)
            self.chunks.append((len(own), len(some), at, self.values.add(fours), self.index.add(some), slot))

    def _among(self, layer: IntAffine, sheet: Sheet) -> dict[str, int]:
        """Chunks of 16 rows with places of their own; the fields that tell where their sheet lies."""
        lanes = self.lanes
        room = lanes * sheet.pixels * sheet.wide + int(sheet.columns.max()) % sheet.wide + 2 * self.window
        self.sheet = max(self.sheet, room)
        for some in steps_of(
            layer.groups, sheet.columns, self.window, together=TOGETHER, aligned=self.aligned
        ):
            own = np.stack([some.values.view(np.uint8), some.among], 1).view(np.int8)
            offsets = self.offset * some.values.astype(np.int64).sum((0, 2))[: len(some.rows)]
            slot = self._slot(layer, some.rows, offsets, (0, LANES - len(some.rows)))
            self.chunks.append(
                (len(some.places), len(some.rows), self.index.add(some.places), self.values.add(own),
                 self.index.add(some.rows), slot)
            )  # fmt: skip
        return {
            "index": self.index.add(sheet.channels * lanes), "count": len(sheet.channels), "places": sheet.pixels,
            "scale": self.index.add(sheet.line), "in_outer": sheet.outer,
        }  # fmt: skip

    def _slot(self, layer: IntAffine, rows: np.ndarray, offsets: np.ndarray, fill: tuple[int, int]) -> int:
        """Where the biases of rows, less what levels' offset adds to their sums, begin, and their factors and scales too."""
        slot = self.biases.add(np.pad(layer.bias[rows] - offsets, fill))
        factors = np.zeros(len(rows)) if layer.scaling is None else layer.scaling.factors[rows]
        scales = np.zeros(len(rows)) if layer.scales is None else layer.scales[rows]
        self.factors.add(np.pad(factors, fill), slot)
        self.scales.add(np.pad(scales, fill), slot)
        return slot

    def _fastest(self, layer: IntAffine, lanes: int, forms: Sequence[int]) -> int:
        return fastest(layer, lanes, forms, lambda form: self._alone(layer, form))

    def _alone(self, layer: IntAffine, form: int) -> Callable[[], object]:
        """A call of one layer, on levels of zero."""
        program = replace(self.program, inputs=np.zeros(1, int), stretches=[[layer]], feature=None)
        code, kernels = IntEncoder(program, self.lanes, lambda *_: form).code(), native.classes()
        assert kernels is not None
        chain, blank = kernels.WholeChain(*code.arguments), torch.zeros(1, 1)
        return lambda: chain.run(blank)

    def _add(self, **fields: int) -> None:
        self.steps.append([int(fields.get(name, 0)) for name in FIELDS])


class _Numbers:
    """Numbers of one type, while they are collected."""

    def __init__(self, kind: type) -> None:
        self.kind, self.parts, self.count = kind, list[np.ndarray](), 0

    def add(self, numbers: np.ndarray, place: int | None = None) -> int:
        """Add numbers, at a place that is not yet passed where one is given; returns where they begin."""
        if place is not None:
            self._append(np.zeros(place - self.count))
        elif self.kind == np.int8:
            self._append(np.zeros(-self.count % (4 * LANES)))  # no vector lies across two lines of the cache
        begins = self.count
        self._append(np.asarray(numbers).reshape(-1))
        return begins

    def _append(self, numbers: np.ndarray) -> None:
        self.parts.append(numbers.astype(self.kind))
        self.count += len(numbers)

    def tensor(self) -> Tensor:
        """All of them, and as many zeros behind them as a vector may read."""
        return torch.from_numpy(np.concatenate([*self.parts, np.zeros(4 * LANES, self.kind)])).clone()


def _bits(number: float) -> int:
    return struct.unpack("<i", struct.pack("<f", number))[0]
