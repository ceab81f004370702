"""Bounded: JSON of strangers, without numbers that are too long or too large for arithmetic on boards."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

LARGEST, DIGITS = {int: 1 << 60, float: 1e30}, 40
"""The largest number in such a file, and the most characters that it is written in."""
_DOUBTFUL = re.compile(rb"(?<![\d.])(?:\d{19}|[\d.]{34})")
"""A number with so many digits before its point, or in all, that it may be too large or too long."""
_RUNS = (
    bytes(
        ord("0")
        if chr(one).isdecimal()
        else ord("e")
        if chr(one) in "eE"
        else one
        if chr(one) in "+-."
        else 32
        for one in range(128)
    )
    + b" " * 128
)
"""Every digit as 0, both forms of the exponent's e, and signs and points as they are."""
_WHOLE, _LONG, _EXPONENTS = b"0" * 19, b"0" * 34, (b"0e00", b"0e+00", b"0e-000")
_HITS = 1000
"""Exponents that are looked at one by one; a text with more is read with a look at each number."""
_FAR = 64
"""Digits before an exponent, from which on it is taken for a number's."""
_BEFORE = frozenset(b" \t\r\n:,[-")
"""What stands before a number; digests are full of digits and exponents behind other letters."""


def bounded(data: bytes) -> Any:
    """JSON values without numbers that are too long or too large for arithmetic on boards.

    Where no number's text can be one of these, they are read without a look at each, in a third of the time.

    Raises:
        ValueError: no JSON, or such a number.
    """
    text = data.decode("utf-8")  # of bytes, json would take UTF-16 too, in which no look at digits finds any
    if not _is_doubtful(data):
        return json.loads(text, parse_constant=_reader_of(float))
    return json.loads(
        text, parse_int=_reader_of(int), parse_float=_reader_of(float), parse_constant=_reader_of(float)
    )


def _is_doubtful(data: bytes) -> bool:
    """Whether a number in this text may be too large or too long; most texts show at a glance that none is."""
    runs = b" " + data.translate(_RUNS)
    if any(_has_exponent(data, runs, one) for one in _EXPONENTS):
        return True
    if _LONG in runs.replace(b".", b"0"):
        return _DOUBTFUL.search(data) is not None
    place = runs.find(_WHOLE)
    while place > 0 and runs[place - 1 : place] == b".":  # the digits of a fraction, fewer than twice as many
        place = runs.find(_WHOLE, place + len(_WHOLE))
    return place > 0


def _has_exponent(data: bytes, runs: bytes, exponent: bytes) -> bool:
    """Whether a number ends in such an exponent; `runs` is the text behind a blank, with every digit as 0."""
    place = runs.find(exponent)
    for _ in range(_HITS):
        if place < 0:
            return False
        begin = len(runs[max(0, place - _FAR) : place + 1].rstrip(b"0.")) + max(0, place - _FAR)
        if begin <= 1 or place - begin >= _FAR or data[begin - 2] in _BEFORE:
            return True
        place = runs.find(exponent, place + 1)
    return True


def _reader_of(kind: type[int] | type[float]) -> Callable[[str], float]:
    """A reader of numbers that refuses those too long or too large for arithmetic on boards."""

    def read(text: str) -> float:
        if len(text) > DIGITS or not abs(number := kind(text)) <= LARGEST[kind]:
            raise ValueError(f"{text[:20]} is no number that a record can hold")
        return number

    return read
