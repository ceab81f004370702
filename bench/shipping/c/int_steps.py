"""Steps of whole numbers: those of a program of levels as constant data for C."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from bench.execution.int8.levels import Scaling
from bench.execution.int8.quantise import IntAffine, IntEach, IntStep
from bench.execution.program.program import Affine, Each, ProgramStep, Zero
from bench.execution.row_groups import Group
from bench.shipping.c.halves import Halves, halves_of
from bench.shipping.c.rings import ring_of
from bench.shipping.c.sheets import Sheet, sheets_of
from bench.shipping.c.steps import (
    NONE,
    Fields,
    Steps,
    index_bytes,
    is_single,
    once,
    ordered,
    shape_of,
    values_of,
)
from bench.shipping.c.tables import BYTE, FLOAT, LEVEL, PLACE, WHOLE, WORD

WAITING = 32
"""The most rows whose sums at four positions wait for their levels: MODEL_WAITING of text/int_image.c."""
PAIRED = 2048
"""Weights of a layer that are written with 16 bits each, in pairs as SMLAD takes them, at most."""
FORMS = 4
"""Functions for known numbers of blocks and columns, at most, of either kind."""
LONGEST = 255
"""The longest gap that is a byte."""
FULL = 0.3
"""The share of its weights from which on a layer is written whole, zeros and all: about as short, and faster."""


@dataclass
class IntSteps(Steps):
    """Steps in C, as `Steps`, of levels.

    Attributes:
        classes: how many logits an exit has.
        scratch: as in `Steps`, here numbers of 16 bits beside the arena's levels.
        sums: sums that wait for their levels, at most.
        forms: numbers of blocks and of their columns for which rows have a function of their own.
    """

    classes: int = 0
    sums: int = 0
    forms: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: {"TOPS": [], "QUADS": []})

    def call(self, step: ProgramStep | IntStep) -> str:
        """The statement in C that carries out a step, whose constants are added."""
        if isinstance(step, IntAffine):
            verb, fields = self._int_layer(step)
            return f"model_{verb}(arena, &{self._named('int_layer', fields)});"
        if isinstance(step, IntEach):
            return f"model_elements(arena->numbers, &{self._named('int_each', self._int_each(step))});"
        assert isinstance(step, Zero)
        return f"model_clear(arena->numbers, &{self._named('int_zero', self._zero(step))});"

    def _int_layer(self, layer: IntAffine) -> tuple[str, Fields]:
        """The function in C for a layer, and its constants."""
        step = layer.step
        places = Affine(layer.groups, step.columns, step.bias)
        layers = filled([ordered(places, group) for group in layer.groups])
        single = is_single(step)
        sheets = None
        if not single:
            sheets = sheets_of([columns for _, columns in layers], [len(group.rows) for group, _ in layers])
        if sheets is not None:
            verb, fields = "image", self._image(layers, sheets, windowed=step.window is not None)
            turns = self._turns(layer, whole=True)
            self.used |= {"int_give", "int_image"}
        elif single and _alike(layers) and step.more is None and layer.scales is None:
            period = _period([columns for _, columns in layers], _turns_of(layer))
            verb, fields = "means", self._means(layers, period)
            turns = self._turns(layer, stop=period)
            self.used.add("int_means")
        elif single and (ring := ring_of(layers, step.columns, shortest(layers))) is not None:
            verb, fields = "rings", self._ring(ring, LEVEL)
            self.scratch = max(self.scratch, ring.length)
            turns = self._turns(layer)
            self.used |= {"int_give", "int_rings"}
        elif (
            single
            and step.more is None
            and layer.scales is None
            and (halves := halves_of(layers)) is not None
        ):
            verb, fields = "halves", self._halves(halves)
            turns = self._turns(layer)
            self.used.add("int_halves")
        else:
            run = run_of(layers) if single else 1
            layers = [bridged(group, columns, run) for group, columns in layers]
            verb, fields = "affine" if single else "walks", self._index(layers, run) | {"run": run}
            turns = self._turns(layer)
            fields["values"] = self.tables.add(values_of(layers), LEVEL)
            self.used |= {"int_give", "int_one", "int_row" if single else "int_walk"}
            gathered = [len(columns) for group, columns in layers if len(group.rows) > 1]
            if single and (fields["bytes"] != NONE or fields["wide"] != NONE):
                self.scratch = max([self.scratch, *(-(-count // 2) for count in gathered)])
        fields |= self._window(step) | _positions(step) | turns
        if layer.scales is not None:
            return verb, fields | {"scales": self.tables.add(layer.scales, FLOAT)}
        assert layer.scaling is not None
        return verb, fields | {"scales": NONE, "more_factor": str(layer.more)} | _scaled(layer.scaling)

    def _means(self, layers: Sequence[tuple[Group, np.ndarray]], period: int) -> Fields:
        """Rows of one weight, of which those of a period are written."""
        apart = int(layers[period][1][0] - layers[0][1][0]) if period < len(layers) else 0
        values = self.tables.add(layers[0][0].values[:1], LEVEL)
        return self._index(layers[:period]) | {
            "values": values,
            "repeats": len(layers) // period,
            "apart": apart,
        }

    def _halves(self, halves: Halves) -> Fields:
        """Rows by themselves, whose gaps take half a byte each."""
        return {
            "groups": halves.rows,
            "starts": self.tables.add(np.array([halves.start])),
            "halves": self.tables.add(halves.index, BYTE),
            "values": self.tables.add(halves.values, LEVEL),
        }

    def _turns(self, layer: IntAffine, *, whole: bool = False, stop: int | None = None) -> Fields:
        """Bias and factor of every row up to one in turn, or once where all are the same, unless the `whole` is wanted."""
        turns = _turns_of(layer)[:stop]
        same = not whole and bool((turns == turns[0]).all())
        return {"turns": self.tables.add(turns[:1] if same else turns, WHOLE), "turns_step": 0 if same else 2}

    def _image(
        self, layers: Sequence[tuple[Group, np.ndarray]], sheets: Sequence[Sheet], *, windowed: bool
    ) -> Fields:
        """A layer whose columns are laid out."""
        sheets, groups = list(sheets), [group for group, _ in layers]
        known = {(len(blocks), len(sheet.pattern)) for sheet in sheets for blocks in sheet.blocks}
        rows, hop = sum(len(group.rows) for group in groups), 0
        if len(groups) > 1 and rows < 4 * len(groups) and len(known) == 1 and next(iter(known))[0]:
            hop = next(iter(known))[0]
            sheets, groups = _alone(sheets, groups)
        values, left = list[np.ndarray](), iter(groups)
        for sheet in sheets:
            own = [next(left) for _ in sheet.blocks]
            values += [
                sheet.laid_out(group.values, blocks) for group, blocks in zip(own, sheet.blocks, strict=True)
            ]
            waiting = sum(len(group.rows) for group in own) if windowed else 4 * WAITING
            self.sums = max(self.sums, waiting)
            self.scratch = max(self.scratch, 4 * len(sheet.pattern) * len(sheet.starts))
        gaps, offsets = once([sheet.gaps for sheet in sheets])
        blocks = [4 * len(sheet.pattern) * one for sheet in sheets for one in sheet.blocks]
        order, narrow = np.concatenate([group.rows for group in groups]), int(gaps.max(initial=0)) < 256
        self.gaps.add(BYTE if narrow else PLACE)
        fields: Fields = {
            "sheets": len(sheets),
            "hop": hop,
            "starts": self.tables.add(_some(np.concatenate([sheet.starts for sheet in sheets]))),
            "blocks": self.tables.add(_some(np.concatenate(blocks))),
            "order": NONE if np.array_equal(order, np.arange(len(order))) else self.tables.add(order),
            "bytes": self.tables.add(_some(gaps), BYTE) if narrow else NONE,
            "wide": NONE if narrow else self.tables.add(_some(gaps)),
        }
        counts = {
            "rows": [len(sheet.blocks) for sheet in sheets] if hop else [len(group.rows) for group in groups],
            "columns": [hop] if hop else [len(blocks) for sheet in sheets for blocks in sheet.blocks],
            "offsets": offsets,
            "laid": [len(sheet.starts) for sheet in sheets],
            "taps": [len(sheet.pattern) for sheet in sheets],
            "fours": [sheet.fours for sheet in sheets],
            "members": [1 if hop else len(sheet.blocks) for sheet in sheets],
        }
        for key, one in counts.items():
            fields |= self._rows(key, np.array(one), PLACE)
        fields |= self._weights(values, [len(sheet.pattern) for sheet in sheets for _ in sheet.blocks])
        return fields | {
            "form": 0 if fields["pairs"] == NONE else self._form("TOPS" if windowed else "QUADS", known)
        }

    def _weights(self, values: Sequence[np.ndarray], taps: Sequence[int]) -> Fields:
        """The weights of groups, row by row, in pairs where there are few and the processor takes them so."""
        every = _some(np.concatenate(values))
        if len(every) > PAIRED:
            return {"values": self.tables.add(every, LEVEL), "pairs": NONE}
        pairs = np.concatenate(
            [
                pairs_of(one.reshape(-1, width)) if len(one) else np.zeros(0, np.uint32)
                for one, width in zip(values, taps, strict=True)
            ]
        )
        single = self.tables.add(every, LEVEL, "!MODEL_PAIRS")
        pair = self.tables.add(_some(pairs), WORD, "MODEL_PAIRS")
        return {"values": f"MODEL_ELSE({single}, 0)", "pairs": f"MODEL_ELSE(0, {pair})"}

    def _form(self, verb: str, known: set[tuple[int, int]]) -> int:
        """The form for rows of these numbers of blocks and columns; 0 where they differ, or there are too many forms."""
        if len(known) > 1:
            return 0
        forms = self.forms[verb]
        one = known.pop()
        if one not in forms and len(forms) < FORMS:
            forms.append(one)
        return forms.index(one) + 1 if one in forms else 0

    def form_texts(self) -> str:
        """The forms as macros of C."""
        return "".join(
            f"#define MODEL_{verb}_FORMS(form) "
            + " ".join(f"form({n}, {count}u, {taps}u)" for n, (count, taps) in enumerate(forms, 1))
            + "\n"
            for verb, forms in self.forms.items()
        )

    def _int_each(self, each: IntEach) -> Fields:
        step: Each = each.step
        if each.scaling is None:
            bounds: Fields = {"factors": NONE, "low": str(each.low), "span": each.high - each.low}
            return self._elements(step) | bounds
        return (
            self._elements(step)
            | {"factors": self.tables.add(each.scaling.factors, WHOLE)}
            | _scaled(each.scaling)
        )


def _alone(sheets: Sequence[Sheet], groups: Sequence[Group]) -> tuple[list[Sheet], list[Group]]:
    """The same with every row by itself, those of a sheet in their order."""
    alone, rows, left = list[Sheet](), list[Group](), iter(groups)
    for sheet in sheets:
        own = [(Group(g.rows[[n]], g.columns, g.values[:, [n]]), blocks)
               for blocks in sheet.blocks for g in [next(left)] for n in range(len(g.rows))]  # fmt: skip
        own.sort(key=lambda one: int(one[0].rows[0]))
        rows += [group for group, _ in own]
        alone.append(replace(sheet, blocks=[blocks for _, blocks in own]))
    return alone, rows


def pairs_of(values: np.ndarray) -> np.ndarray:
    """Levels (N, taps) as words of two numbers of 16 bits: of four, the first and third, the second and fourth."""
    taps = values.shape[1]
    fours = (
        values[:, : taps // 4 * 4].reshape(len(values), -1, 4)[:, :, [0, 2, 1, 3]].reshape(len(values), -1)
    )
    left = np.pad(values[:, taps // 4 * 4 :], ((0, 0), (0, taps % 2)))
    return np.ascontiguousarray(np.concatenate([fours, left], 1), "<i2").view("<u4").reshape(-1)


def filled(layers: list[tuple[Group, np.ndarray]]) -> list[tuple[Group, np.ndarray]]:
    """The groups of a layer; all its rows as one, with zeros, where most of their weights exist."""
    union = np.unique(np.concatenate([places for _, places in layers]))
    rows = sum(len(group.rows) for group, _ in layers)
    if len(layers) == 1 or sum(group.values.size for group, _ in layers) < FULL * rows * len(union):
        return layers
    values = np.zeros((len(union), rows), np.int8)
    for group, places in layers:
        values[np.ix_(np.searchsorted(union, places), group.rows)] = group.values
    return [(Group(np.arange(rows), np.arange(len(union)), values), union)]


def shortest(layers: Sequence[tuple[Group, np.ndarray]]) -> int:
    """Bytes of the shorter index: of gaps of a byte each, or of half a byte."""
    return min(index_bytes(layers), sum(1 + -(-len(places) // 2) for _, places in layers))


def bridged(group: Group, places: np.ndarray, run: int) -> tuple[Group, np.ndarray]:
    """A group whose runs lie so near to one another that a gap is a byte, by weights of 0 between them.

    Args:
        group: weights (K, R).
        places: of its columns, rising, (K,).
        run: how many columns follow one another, always.
    """
    gaps = np.diff(places[::run])
    if not (gaps > LONGEST).any() or run > LONGEST // 2:
        return group, places
    more = [
        np.arange(run) + place + gap * step // parts
        for place, gap in zip(places[::run].tolist(), gaps.tolist(), strict=False)
        for parts in [-(-gap // LONGEST)]
        for step in range(1, parts)
    ]
    every = np.sort(np.concatenate([places, *more]))
    values = np.zeros((len(every), group.values.shape[1]), group.values.dtype)
    values[np.searchsorted(every, places)] = group.values
    return Group(group.rows, np.arange(len(every)), values), every


def run_of(layers: Sequence[tuple[Group, np.ndarray]]) -> int:
    """How many columns follow one another, always, where the rows of a layer read them in groups; else 1."""
    if any(len(group.rows) == 1 for group, _ in layers):
        return 1
    breaks = [len(columns) for _, columns in layers]
    breaks += [int(n) + 1 for _, columns in layers for n in np.flatnonzero(np.diff(columns) != 1)]
    return max(math.gcd(*breaks), 1)


def _alike(layers: Sequence[tuple[Group, np.ndarray]]) -> bool:
    """Whether every row is by itself, in order, and all weights are one number."""
    values = np.concatenate([group.values.reshape(-1) for group, _ in layers])
    rows = np.concatenate([group.rows for group, _ in layers])
    alone = len(layers) > 1 and np.array_equal(rows, np.arange(len(layers)))
    return alone and len(values) > 0 and bool((values == values[0]).all())


def _turns_of(layer: IntAffine) -> np.ndarray:
    """Bias and factor of every row, (R, 2); the factors of an exit's logits are 0."""
    factors = np.zeros(len(layer.bias), int) if layer.scaling is None else layer.scaling.factors
    return np.stack([layer.bias, factors], 1)


def _period(places: Sequence[np.ndarray], turns: np.ndarray) -> int:
    """After how many rows what they read repeats, so far from each other every time, with the same biases and factors.

    Args:
        places: that each row reads.
        turns: bias and factor of every row, (R, 2).
    """
    rows = len(places)
    for period in range(1, rows):
        pairs = list(zip(places, places[period:], strict=False))
        if rows % period or not (turns[period:] == turns[:-period]).all():
            continue
        if all(len(one) == len(other) > 0 for one, other in pairs):
            apart = {int(step) for one, other in pairs for step in other - one}
            if len(apart) == 1 and min(apart) >= 0:
                return period
    return rows


def _some(numbers: np.ndarray) -> np.ndarray:
    """Numbers of an array, of which C wants one at least."""
    return numbers if len(numbers) else np.zeros(1, int)


def _positions(step: Affine) -> Fields:
    """The positions of a layer as lines and places in a line, and what it adds."""
    fields = shape_of(step)
    length = fields.pop("length")
    if step.length == 1:
        return fields
    assert step.inner == 1, "a layer has runs of several positions in a line"
    return fields | {"inner": length, "in_inner": 1, "out_inner": 1, "more_inner": 1}


def _scaled(scaling: Scaling) -> Fields:
    sign = "-" if scaling.start < 0 else ""
    return {
        "start": f"{sign}INT64_C({abs(scaling.start)})", "shift": scaling.shift - 32, "low": str(scaling.low),
        "span": scaling.high - scaling.low,
    }  # fmt: skip
