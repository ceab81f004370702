"""Columns: long lists of numbers, of rows of numbers or of blocks of these, kept by column, as short as they can be.

A column is one of five: `["d", ...]` whole numbers as differences, `["f", ...]` the bits of 32-bit numbers as differences,
`["n", ...]` other numbers as they are, `["r", rows, ...]` rows as columns, and `["s", sum, ...]` rows of one sum without their
last column. A list of blocks is a block of columns. Values are the same after reading as before writing.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

LONG = 16
"""Lists of so many rows are written by column."""
MAX_VALUES = 4_000_000
"""Values that one file may come to: short rows of long shapes are many from few bytes."""
LARGEST = 1 << 60
"""The largest whole number that differences may come to."""
NO_SUM = "differences that come to no whole number that a record can hold"


def is_long(one: list[Any]) -> bool:
    """Whether a list is written by column: many numbers, rows of numbers of one length, or blocks of one shape of these."""
    if len(one) < LONG:
        return False
    if all(isinstance(row, dict) for row in one):
        return (
            bool(one[0])
            and all(tuple(row) == tuple(one[0]) for row in one)
            and all(_columnar([row[key] for row in one]) for key in one[0])
        )
    return _columnar(one)


def _columnar(one: list[Any]) -> bool:
    """Whether all are numbers or open, or lists of these of one length, and not both."""
    if all(_is_number(cell) for cell in one):
        return True
    return all(isinstance(row, list) and len(row) == len(one[0]) and all(map(_is_number, row)) for row in one)


def _is_number(one: Any) -> bool:
    return one is None or (isinstance(one, (int, float)) and not isinstance(one, bool))


def by_column(one: list[Any]) -> Any:
    """A long list by column: numbers as themselves or, if all are whole, as differences behind `"d"`."""
    if isinstance(one[0], dict):
        return {key: by_column([row[key] for row in one]) for key in one[0]}
    if any(isinstance(row, list) for row in one):
        columns = [list(column) for column in zip(*one, strict=True)]
        sums = {sum(row) if all(isinstance(cell, int) for cell in row) else None for row in one}
        if (
            len(columns) > 1 and len(sums) == 1 and None not in sums
        ):  # the last column is what is left of the sum
            return ["s", *sums, *map(by_column, columns[:-1])]
        return ["r", len(one), *map(by_column, columns)]
    if all(isinstance(cell, int) for cell in one):
        return ["d", *_steps(one)]
    bits = [_bits(cell) for cell in one]
    return ["f", *_steps(bits)] if "" not in bits else ["n", *one]


def _steps(one: list[Any]) -> list[int | None]:
    """Differences of whole numbers, each to the one before; what is open stays so."""
    steps, before = [], 0
    for cell in one:
        steps.append(None if cell is None else cell - before)
        before = before if cell is None else cell
    return steps


def _sums(steps: list[int | None]) -> list[int | None]:
    """Whole numbers of their differences.

    Raises:
        IndexError: one is larger than a record may hold.
    """
    kinds = set(map(type, steps))
    if not kinds <= {int, bool, type(None)}:
        raise IndexError(NO_SUM)
    sums = list(accumulate([step or 0 for step in steps], initial=0))[1:]
    if sums and (max(sums) > LARGEST or min(sums) < -LARGEST):
        raise IndexError(NO_SUM)
    if type(None) not in kinds:
        return list(sums)
    return [None if step is None else one for step, one in zip(steps, sums, strict=True)]


def _bits(one: float | None) -> Any:
    """The bits of a 32-bit number that is written in nine digits; none for an open one, `""` for any other number."""
    if one is None:
        return None
    try:
        packed = struct.pack("<f", one)
    except OverflowError:
        return ""
    bits = struct.unpack("<I", packed)[0]
    return bits if isinstance(one, float) and _number(bits).hex() == one.hex() else ""


def _number(bits: int) -> float:
    """The 32-bit number of these bits, in nine digits."""
    return _numbers([bits])[0]


def _numbers(bits: Sequence[int]) -> list[float]:
    """The 32-bit numbers of these bits, each in nine digits."""
    count = len(bits)
    return [float(f"{one:.9g}") for one in struct.unpack(f"<{count}f", struct.pack(f"<{count}I", *bits))]


def by_row(one: Any) -> list[Any]:
    """A long list as it was."""
    if isinstance(one, dict):
        columns = [by_row(column) for column in one.values()]
        return [dict(zip(one, row, strict=True)) for row in zip(*columns, strict=True)]
    if one[0] == "r":
        columns = [by_row(column) for column in one[2:]]
        if not columns and one[1] > MAX_VALUES:
            raise IndexError(f"more than {MAX_VALUES} values")
        return [list(row) for row in zip(*columns, strict=True)] if columns else [[] for _ in range(one[1])]
    if one[0] == "s":
        rows = zip(*(by_row(column) for column in one[2:]), strict=True)
        return [[*row, one[1] - sum(row)] for row in rows]
    if one[0] == "d":
        return _sums(one[1:])
    if one[0] == "f":
        sums = _sums(one[1:])
        numbers = iter(_numbers([bits for bits in sums if bits is not None]))
        return [None if bits is None else next(numbers) for bits in sums]
    if one[0] == "n":
        return one[1:]
    raise IndexError(f"{one[0]!r} is no kind of column")
