"""Parquet files, read back by a reader of the format written for the test, from the specification."""

import struct

from bench.boards.parquet import parquet

TABLE = {
    "name": ["lenet", None, "ö", "lenet", "mlp", "vgg", "a", "b", "c"],
    "count": [1, -2, None, 3, 2**40, 0, 7, 8, 9],
    "share": [0.5, None, None, -1.25, 1e-30, 1.0, 2.0, 3.0, 4.0],
    "last": [True, False, None, True, True, False, True, True, False],
    "one": ["same"] * 9,
}


class Compact:
    """Thrift's compact protocol: structs as dictionaries by field number."""

    def __init__(self, data, at):
        self.data, self.at = data, at

    def byte(self):
        self.at += 1
        return self.data[self.at - 1]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def value(self, kind):
        if kind in (5, 6):
            number = self.varint()
            return number >> 1 if number % 2 == 0 else -(number >> 1) - 1
        if kind == 8:
            size = self.varint()
            self.at += size
            return bytes(self.data[self.at - size : self.at])
        if kind == 9:
            head = self.byte()
            size = self.varint() if head >> 4 == 15 else head >> 4
            return [self.value(head & 15) for _ in range(size)]
        assert kind == 12
        return self.struct()

    def struct(self):
        fields, number = {}, 0
        while head := self.byte():
            number += head >> 4
            fields[number] = self.value(head & 15)
        return fields


def bits(data, width, count):
    packed = int.from_bytes(data, "little")
    return [packed >> n * width & (1 << width) - 1 for n in range(count)]


def run(data, width, count):
    reader = Compact(data, 0)
    head = reader.varint()
    assert head & 1, "one bit-packed run"
    return bits(data[reader.at :], width, count)


def column(data, chunk):
    kind, at = chunk[1], chunk.get(11, chunk[9])
    words = []
    if 11 in chunk:
        page = Compact(data, at)
        head = page.struct()
        place = page.at
        for _ in range(head[7][1]):
            (size,) = struct.unpack_from("<I", data, place)
            words.append(data[place + 4 : place + 4 + size].decode())
            place += 4 + size
        assert place == page.at + head[3] == chunk[9]
    page = Compact(data, chunk[9])
    head = page.struct()
    body, rows = data[page.at : page.at + head[3]], head[5][1]
    (size,) = struct.unpack_from("<I", body)
    present = run(body[4 : 4 + size], 1, rows)
    body, count = body[4 + size :], sum(present)
    if kind == 6:
        values = [words[n] for n in run(body[1:], body[0], count)]
    elif kind == 0:
        values = [bool(bit) for bit in bits(body, 1, count)]
    else:
        values = list(struct.unpack(f"<{count}{'q' if kind == 2 else 'd'}", body))
    return [values.pop(0) if one else None for one in present]


def read(data):
    assert data[:4] == data[-4:] == b"PAR1"
    (size,) = struct.unpack("<I", data[-8:-4])
    footer = Compact(data, len(data) - 8 - size).struct()
    (group,) = footer[4]
    chunks = [one[3] for one in group[1]]
    names = [element[4].decode() for element in footer[2][1:]]
    assert [chunk[3] for chunk in chunks] == [[name.encode()] for name in names]
    assert footer[3] == group[3]
    return dict(zip(names, (column(data, chunk) for chunk in chunks), strict=True))


def test_a_table_comes_back_as_it_was():
    assert read(parquet(TABLE)) == TABLE


def test_a_wide_table_with_many_words_comes_back():
    many = {f"column {n}": [f"word {place * 7 % 300}" for place in range(1000)] for n in range(20)}
    assert read(parquet(many)) == many


def test_a_table_without_rows_has_its_columns():
    assert read(parquet({"name": [], "share": []})) == {"name": [], "share": []}
