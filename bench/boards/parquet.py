"""Parquet: a table as a Parquet file, the same bytes on every machine; a subset of the format that every reader takes.

One row group, a page a column, nothing compressed; texts are stored once each, in a dictionary. A library would write the
same table in bytes that change with its version, and the pages of boards are held against their records byte by byte.
Source: the format's specification, github.com/apache/parquet-format (README.md, Encodings.md, parquet.thrift).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple

Cell = str | float | int | bool | None
MAGIC = b"PAR1"
BOOLEAN, INT64, DOUBLE, BYTE_ARRAY = 0, 2, 5, 6
PLAIN, RLE, RLE_DICTIONARY = 0, 3, 8
OPTIONAL, UTF8 = 1, 0
DATA_PAGE, DICTIONARY_PAGE = 0, 2


class _Chunk(NamedTuple):
    """One column in the file: its name, type, encodings, number of values, offsets, and bytes."""

    name: str
    type: int
    encodings: list[int]
    values: int
    dictionary_at: int | None
    data_at: int
    size: int


def parquet(columns: Mapping[str, Sequence[Cell]]) -> bytes:
    """A table as the bytes of a Parquet file.

    Args:
        columns: by name, equally many cells: texts, numbers, whole numbers or truth values; None where there is none.
    """
    rows = len(next(iter(columns.values()), ()))
    data, chunks = bytearray(MAGIC), list[_Chunk]()
    for name, cells in columns.items():
        chunks.append(_column(data, name, cells))
    footer = _footer(rows, chunks)
    return bytes(data) + footer + struct.pack("<I", len(footer)) + MAGIC


def _column(data: bytearray, name: str, cells: Sequence[Cell]) -> _Chunk:
    """Append a column's pages to the data."""
    begin, kind = len(data), _type(cells)
    present = [cell for cell in cells if cell is not None]
    levels = _levels([cell is not None for cell in cells])
    dictionary_at, encoding = None, PLAIN
    if kind == BYTE_ARRAY:
        words = sorted({str(cell) for cell in present})
        place = {word: number for number, word in enumerate(words)}
        dictionary_at, encoding = len(data), RLE_DICTIONARY
        stored = b"".join(_text(word) for word in words)
        data += _page(DICTIONARY_PAGE, stored, 7, [(1, len(words)), (2, PLAIN)])
        body = _places([place[str(cell)] for cell in present], max(1, (len(words) - 1).bit_length()))
    elif kind == BOOLEAN:
        body = _bits([int(bool(cell)) for cell in present], 1)
    else:
        body = struct.pack(f"<{len(present)}{'q' if kind == INT64 else 'd'}", *present)
    data_at = len(data)
    data += _page(DATA_PAGE, levels + body, 5, [(1, len(cells)), (2, encoding), (3, RLE), (4, RLE)])
    encodings = [PLAIN, RLE] + ([RLE_DICTIONARY] if dictionary_at is not None else [])
    return _Chunk(name, kind, encodings, len(cells), dictionary_at, data_at, len(data) - begin)


def _type(cells: Sequence[Cell]) -> int:
    """The type that holds all of a column's cells."""
    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds <= {bool} and kinds:
        return BOOLEAN
    if kinds <= {int, bool} and kinds:
        return INT64
    return DOUBLE if kinds <= {int, float, bool} and kinds else BYTE_ARRAY


def _levels(present: Sequence[bool]) -> bytes:
    """Which cells exist, as definition levels with their length before them."""
    runs = _run([int(one) for one in present], 1)
    return struct.pack("<I", len(runs)) + runs


def _places(places: Sequence[int], width: int) -> bytes:
    """Places in a dictionary, with the number of bits of each before them."""
    return bytes([width]) + _run(places, width)


def _run(values: Sequence[int], width: int) -> bytes:
    """One bit-packed run of the hybrid encoding: the number of groups of eight, and the values."""
    groups = -(-len(values) // 8)
    return _varint(groups << 1 | 1) + _bits([*values, *[0] * (groups * 8 - len(values))], width)


def _bits(values: Sequence[int], width: int) -> bytes:
    """Values of so many bits each, the least significant first."""
    written = bytearray()
    for start in range(0, len(values), 8):  # eight values are whole bytes, whatever their width
        group, packed = values[start : start + 8], 0
        for number, value in enumerate(group):
            packed |= value << number * width
        written += packed.to_bytes(-(-len(group) * width // 8), "little")
    return bytes(written)


def _text(word: str) -> bytes:
    encoded = word.encode("utf-8", "replace")
    return struct.pack("<I", len(encoded)) + encoded


def _page(kind: int, body: bytes, field: int, header: Sequence[tuple[int, int]]) -> bytes:
    """A page behind its header, whose own part is a struct in a field of its own."""
    inner = _struct([(number, _i32(value)) for number, value in header])
    sizes = [(1, _i32(kind)), (2, _i32(len(body))), (3, _i32(len(body)))]
    return _struct([*sizes, (field, (12, inner))]) + body


def _footer(rows: int, chunks: Sequence[_Chunk]) -> bytes:
    """The metadata of the file."""
    root = _struct([(4, _string("schema")), (5, _i32(len(chunks)))])
    schema = [root, *(_schema(chunk) for chunk in chunks)]
    columns = [_struct([(2, _i64(0)), (3, (12, _metadata(chunk)))]) for chunk in chunks]
    size = sum(chunk.size for chunk in chunks)
    group = _struct([(1, _list(12, columns)), (2, _i64(size)), (3, _i64(rows))])
    fields = [
        (1, _i32(1)),
        (2, _list(12, schema)),
        (3, _i64(rows)),
        (4, _list(12, [group])),
        (6, _string("seesaw")),
    ]
    return _struct(fields)


def _schema(chunk: _Chunk) -> bytes:
    text = [(6, _i32(UTF8))] if chunk.type == BYTE_ARRAY else []
    return _struct([(1, _i32(chunk.type)), (3, _i32(OPTIONAL)), (4, _string(chunk.name)), *text])


def _metadata(chunk: _Chunk) -> bytes:
    fields = [
        (1, _i32(chunk.type)), (2, _list(5, [_varint(_zigzag(one)) for one in chunk.encodings])),
        (3, _list(8, [_string(chunk.name)[1]])), (4, _i32(0)), (5, _i64(chunk.values)), (6, _i64(chunk.size)),
        (7, _i64(chunk.size)), (9, _i64(chunk.data_at)),
    ]  # fmt: skip
    return _struct([*fields, *([] if chunk.dictionary_at is None else [(11, _i64(chunk.dictionary_at))])])


_Field = tuple[int, bytes]
"""A value of Thrift's compact protocol: its type there, and its bytes."""


def _struct(fields: Sequence[tuple[int, _Field]]) -> bytes:
    """A struct: fields by rising number, each behind its distance from the one before and its type."""
    written, before = b"", 0
    for number, (kind, value) in fields:
        written, before = written + bytes([(number - before) << 4 | kind]) + value, number
    return written + b"\0"


def _list(kind: int, values: Sequence[bytes]) -> _Field:
    size = len(values)
    head = bytes([size << 4 | kind]) if size < 15 else bytes([0xF0 | kind]) + _varint(size)
    return 9, head + b"".join(values)


def _i32(value: int) -> _Field:
    return 5, _varint(_zigzag(value))


def _i64(value: int) -> _Field:
    return 6, _varint(_zigzag(value))


def _string(text: str) -> _Field:
    encoded = text.encode()
    return 8, _varint(len(encoded)) + encoded


def _zigzag(value: int) -> int:
    return value << 1 if value >= 0 else (-value << 1) - 1


def _varint(value: int) -> bytes:
    """A whole number in groups of seven bits, the least significant first."""
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)
