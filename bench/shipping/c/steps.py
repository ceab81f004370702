"""Steps: those of a program as constant data for the few functions in C that carry them out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.execution.int8.quantise import IntStep
from bench.execution.program.layout import ABSENT
from bench.execution.program.program import Affine, Each, ProgramStep, Zero
from bench.execution.row_groups import Group
from bench.shipping.c.loops import columns, loops_of
from bench.shipping.c.rings import Ring, ring_of
from bench.shipping.c.tables import BYTE, FLOAT, PLACE, Tables, number

NONE = "0"
"""A null pointer."""
Fields = dict[str, str | int | Sequence[int]]


@dataclass
class Steps:
    """Steps in C: constants, and the calls that carry them out.

    Attributes:
        tables: the numbers that the constants point to.
        constants: in C, one a step.
        used: names of the functions' files.
        gaps: types of the tables of gaps.
        scratch: numbers that a layer lays out beside those of the arena, at most.
    """

    tables: Tables = field(default_factory=Tables)
    constants: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    gaps: set[str] = field(default_factory=set)
    scratch: int = 0

    def call(self, step: ProgramStep | IntStep) -> str:
        """The statement in C that carries out a step, whose constants are added."""
        if isinstance(step, Affine):
            return self._affine(step)
        if isinstance(step, Each):
            return self._constant("each", "elements", self._each(step))
        assert isinstance(step, Zero)
        return self._constant("zero", "clear", self._zero(step))

    def copy(self, places: np.ndarray) -> str | None:
        """The name of a constant for numbers in their own order; None where they follow no loops."""
        loops = loops_of(places.reshape(-1, 1))
        if loops is None:
            return None
        fields: Fields = {
            "first": int(places[0]),
            "sizes": [loop.turns for loop in loops],
            "steps": columns(loops, 0),
        }
        return self._named("copy", fields)

    def _constant(self, kind: str, verb: str, fields: Fields) -> str:
        return f"model_{verb}(numbers, &{self._named(kind, fields)});"

    def _named(self, kind: str, fields: Fields) -> str:
        name = f"model_{kind}{len(self.constants)}"
        values = ", ".join(f".{key} = {_written(value)}" for key, value in fields.items())
        self.constants.append(f"static const model_{kind} {name} = {{{values}}};\n")
        self.used.add(kind)
        return name

    def _affine(self, step: Affine) -> str:
        layers = [ordered(step, group) for group in step.groups]
        ends: Fields = {
            "bias": self.tables.add(step.bias, FLOAT),
            "low": number(step.low),
            "high": number(step.high),
        }
        values = values_of(layers)
        uniform = bool((values == values[0]).all())
        ring = ring_of(layers, step.columns, index_bytes(layers)) if is_single(step) and not uniform else None
        if ring is not None:
            sizes = shape_of(step)
            given = {key: sizes[key] for key in ("out", "out_row", "adds", "more", "more_row")}
            self.scratch = max(self.scratch, 2 * ring.length)
            name = self._named("ring", self._ring(ring, FLOAT) | given | ends)
            return f"model_rings(numbers, arena->scratch, &{name});"
        weights: Fields = {
            "values": self.tables.add(values[:1] if uniform else values, FLOAT),
            "values_step": 0 if uniform else 1,
        }
        fields = self._index(layers) | self._window(step) | shape_of(step) | weights | ends
        return self._constant("layer", "affine", fields)

    def _ring(self, ring: Ring, kind: str) -> Fields:
        """Rows that read the same columns but for a turn around the inputs, which lie twice in the scratch."""
        ends = np.flatnonzero(ring.gaps == 0)
        return {
            "groups": len(ring.rows),
            "apart": ring.first,
            "held": ring.held,
            "ring": ring.length,
            "order": self.tables.add(ring.order),
            "starts": self.tables.add(ring.begins),
            "bytes": self.tables.add(ring.gaps, BYTE),
            "values": self.tables.add(ring.values, kind),
            **self._rows("rows", ring.rows, PLACE),
            **self._rows("columns", np.diff(ends, prepend=-1), PLACE),
        }

    def _rows(self, key: str, numbers: np.ndarray, kind: str) -> Fields:
        """A number for every row, or one for all."""
        same = bool((numbers == numbers[0]).all())
        return {key: self.tables.add(numbers[:1] if same else numbers, kind), f"{key}_step": 0 if same else 1}

    def _index(self, layers: Sequence[tuple[Group, np.ndarray]], run: int = 1) -> Fields:
        """Which places each group's rows read, always so many in a run, and where these rows are."""
        order = np.concatenate([group.rows for group, _ in layers])
        straight = all((np.diff(places) == 1).all() for _, places in layers)
        gaps, offsets = gaps_of([places[::run] for _, places in layers])
        narrow = int(gaps.max(initial=1)) < 256
        self.gaps |= set() if straight else {BYTE if narrow else PLACE}
        counts = {
            "rows": np.array([len(group.rows) for group, _ in layers]),
            "columns": np.array([len(places) for _, places in layers]),
            "starts": np.array([places[0] if len(places) else 0 for _, places in layers]),
        }
        fields: Fields = {
            "groups": len(layers),
            "offsets": NONE if straight or offsets is None else self.tables.add(offsets),
            "order": NONE if np.array_equal(order, np.arange(len(order))) else self.tables.add(order),
            "bytes": self.tables.add(gaps, BYTE) if narrow and not straight else NONE,
            "wide": NONE if narrow or straight else self.tables.add(gaps),
        }
        for key, one in counts.items():
            fields |= self._rows(key, one, PLACE)
        return fields

    def _window(self, step: Affine) -> Fields:
        """The sums of which a result is the largest."""
        if step.window is None:
            return {"window": NONE, "windows": 1}
        return {"window": self.tables.add(step.window), "windows": len(step.window)}

    def _each(self, step: Each) -> Fields:
        return self._elements(step) | {"low": number(step.low), "high": number(step.high)}

    def _elements(self, step: Each) -> Fields:
        """Which places each element is made of, and where it is."""
        sources = step.sources.reshape(len(step.to), -1)
        fields: Fields = {"taps": sources.shape[1], "largest": int(step.largest)}
        whole = not (sources == ABSENT).any()
        loops = loops_of(np.concatenate([step.to[:, None], sources], 1)) if whole else None
        if loops is not None and all(len(set(loop.strides[1:])) == 1 for loop in loops):
            return fields | {
                "to": NONE, "sources": self.tables.add(sources[0]), "first": int(step.to[0]),
                "sizes": [loop.turns for loop in loops], "to_steps": columns(loops, 0),
                "source_steps": columns(loops, 1), "count": 0,
            }  # fmt: skip
        return fields | {
            "to": self.tables.add(step.to), "sources": self.tables.add(sources), "count": len(step.to),
        }  # fmt: skip

    def _zero(self, step: Zero) -> Fields:
        image = step.buffer.image
        assert image is not None
        return {
            "segments": self.tables.add(step.segments), "count": len(step.segments), "base": step.buffer.base,
            "channels": image.channels, "channel": image.channel,
        }  # fmt: skip


def shape_of(step: Affine) -> Fields:
    """The positions of a layer, and what it adds."""
    more, more_row, more_outer, more_inner = step.more or (0, 0, 0, 0)
    return {
        "outer": step.outer, "inner": step.inner, "length": step.length,
        "in_outer": step.in_outer, "in_inner": step.in_inner, "out": step.out, "out_row": step.out_row,
        "out_outer": step.out_outer, "out_inner": step.out_inner, "adds": int(step.more is not None),
        "more": more, "more_row": more_row, "more_outer": more_outer, "more_inner": more_inner,
    }  # fmt: skip


def is_single(step: Affine) -> bool:
    """Whether a layer has one position, and gives its sums themselves."""
    return step.outer * step.inner * step.length == 1 and step.window is None


def index_bytes(layers: Sequence[tuple[Group, np.ndarray]]) -> int:
    """Bytes that an index of gaps takes, of a byte each, equal rows of them once.

    Args:
        layers: groups, and the places of their columns, rising.
    """
    gaps, offsets = gaps_of([places for _, places in layers])
    return len(gaps) + 2 * (len(layers) + (0 if offsets is None else len(offsets)))


def values_of(layers: Sequence[tuple[Group, np.ndarray]]) -> np.ndarray:
    """The weights that exist, group by group, row by row."""
    values = np.concatenate([group.values.T.reshape(-1) for group, _ in layers])
    return values if len(values) else np.zeros(1, values.dtype)  # an array of C has one number at least


def ordered(step: Affine, group: Group) -> tuple[Group, np.ndarray]:
    """A group with its columns by rising place, and these places."""
    places = step.columns[group.columns]
    order = np.argsort(places, kind="stable")
    return Group(group.rows, group.columns[order], group.values[order]), places[order]


def gaps_of(groups: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray | None]:
    """The gaps before the columns of all groups, 0 before the first, equal rows of gaps once where that is shorter.

    Returns:
        The gaps; where each group's begin, or None where they follow one another, group by group.
    """
    rows = [np.diff(places, prepend=places[:1]) for places in groups]
    every, (kept, offsets) = np.concatenate(rows), once(rows)
    if len(kept) + 2 * len(rows) < len(every):
        return kept, np.array(offsets)
    return every, None


def once(rows: Sequence[np.ndarray]) -> tuple[np.ndarray, list[int]]:
    """Rows of numbers one after the other, equal ones once, and where each begins."""
    begins: dict[bytes, int] = {}
    kept, length = list[np.ndarray](), 0
    for row in rows:
        if row.tobytes() not in begins:
            begins[row.tobytes()] = length
            kept.append(row)
            length += len(row)
    return np.concatenate(kept), [begins[row.tobytes()] for row in rows]


def _written(value: str | int | Sequence[int]) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return f"{value}u"
    return "{" + ", ".join(f"{one}u" for one in value) + "}"
