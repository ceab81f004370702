"""Rings: one index for all rows whose columns are the same but for a turn around the inputs, as those of many rules are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.execution.program.layout import ABSENT
from bench.execution.row_groups import Group

LONGEST = 255
"""The longest gap: a byte has it."""
TOGETHER = 4
"""Rows that are computed at once: what they share is read once for them."""
SAVED = 256
"""Bytes that the form saves at least, in return for the function that it needs."""
TRIED = 32
"""Lists of columns after which fewer rows must be turns of one than there are lists, or the layer is given up."""


@dataclass(frozen=True)
class Ring:
    """Rows by the columns that they share.

    Attributes:
        first: place of the first input.
        held: how many inputs lie there, one after the other.
        length: how many there are with the zeros that follow them; behind the last of these comes the first input.
        rows: how many rows read each list of columns, (L,).
        order: numbers of the rows, list by list.
        begins: of these rows in turn, the input from which the gaps lead on.
        gaps: of every list, from one column to the next, and a 0 behind the last, uint8.
        values: weights, list by list: of four rows column by column, then of each row that is left; int8 levels, or float32.
    """

    first: int
    held: int
    length: int
    rows: np.ndarray
    order: np.ndarray
    begins: np.ndarray
    gaps: np.ndarray
    values: np.ndarray


@dataclass
class _List:
    """Columns from the first one on, ascending around the ring, and the rows that read a turn of them."""

    columns: np.ndarray
    rows: list[tuple[int, int, np.ndarray]] = field(default_factory=list)
    """of each its number, the turn, and its weights"""


def ring_of(layers: Sequence[tuple[Group, np.ndarray]], inputs: np.ndarray, least: int) -> Ring | None:
    """The form for a layer's groups; None where too few rows are alike, or the inputs do not lie in a row.

    Args:
        layers: groups, and the places of their columns, rising.
        inputs: places of all inputs of the layer; those behind the last one, if any, are always 0 (`ABSENT`).
        least: bytes that the shortest other index takes.
    """
    length, held = len(inputs), int((inputs != ABSENT).sum())
    if not np.array_equal(inputs[:held], inputs[0] + np.arange(held)) or any(
        len(group.rows) != 1 or not len(places) for group, places in layers
    ):
        return None
    lists = _lists_of(
        [(int(g.rows[0]), places - inputs[0], g.values[:, 0]) for g, places in layers], length, held, least
    )
    if lists is None:
        return None
    steps = [np.diff(one.columns) for one in lists]
    if max((int(one.max()) for one in steps if len(one)), default=0) > LONGEST:
        return None
    rows = [row for one in lists for row in one.rows]
    return Ring(
        int(inputs[0]),
        held,
        length,
        np.array([len(one.rows) for one in lists]),
        np.array([number for number, _, _ in rows]),
        np.array([turn for _, turn, _ in rows]),
        np.concatenate([np.append(one, 0) for one in steps]).astype(np.uint8),
        np.concatenate([_laid_out([values for _, _, values in one.rows]) for one in lists]),
    )


def _lists_of(
    rows: Sequence[tuple[int, np.ndarray, np.ndarray]], length: int, held: int, least: int
) -> list[_List] | None:
    """The lists of columns of rows (number, columns, weights); None as soon as they are no shorter than another index.

    Of the rows that read some columns those come first that read most: none of theirs may lie among the zeros.
    """
    known: dict[bytes, tuple[_List, int]] = {}
    lists, size = list[_List](), SAVED + 4 * len(rows)
    for done, (number, columns, values) in enumerate(sorted(rows, key=lambda row: -len(row[1]))):
        there = np.zeros(held, bool)
        there[columns] = True
        key = np.packbits(there).tobytes()
        if key not in known:
            one = _List(columns - columns[0])
            lists.append(one)
            size += len(columns)
            if size > least or (len(lists) > TRIED and done < 2 * len(lists)):
                return None
            turns = _turns(one.columns, length, held)
            known = {turned: (one, turn) for turn, turned in enumerate(turns)} | known
        one, turn = known[key]
        whole = np.zeros(length, values.dtype)
        whole[columns] = values
        one.rows.append((number, turn, whole[(one.columns + turn) % length]))
    return lists


def _turns(columns: np.ndarray, length: int, held: int) -> list[bytes]:
    """Which inputs a row reads that has these columns, by every turn around the ring, as bits."""
    there = np.zeros(length, bool)
    there[columns] = True
    turned = np.lib.stride_tricks.sliding_window_view(np.tile(there, 2), length)[length:0:-1, :held]
    return [row.tobytes() for row in np.packbits(turned, axis=1)]


def _laid_out(rows: Sequence[np.ndarray]) -> np.ndarray:
    """The weights of rows of one list, in the order in which they are read."""
    whole = len(rows) // TOGETHER * TOGETHER
    fours = [np.stack(rows[n : n + TOGETHER], 1).reshape(-1) for n in range(0, whole, TOGETHER)]
    return np.concatenate([*fours, *rows[whole:]])
