"""How values lie in a file, and back.

Covers: bench/records/columns.py, bench/records/packing.py
"""

import base64
import json
import math
import random
from pathlib import Path

import pytest

from bench.records import columns, form, packing
from bench.records.packing import from_base85, packed

PUBLISHED = Path(__file__).parents[3] / "leaderboards" / "records"


def back(values, bulky=()):
    return form.read(json.loads(form.written(values, bulky)))


def spelled(values):
    return json.dumps(values, sort_keys=True)


def many(count=40):
    rng = random.Random(0)
    left = [[a, b, 1000 - a - b] for a, b in ((rng.randrange(400), rng.randrange(400)) for _ in range(count))]
    return {
        "counts": left,
        "uneven": [[n, n * n] for n in range(count)],
        "thresholds": [[None, None]] + [[0.999999762, 0.238130689]] * (count - 1),
        "doubles": [rng.random() for _ in range(count)],
        "mixed": [1, 2.0, None, -0.0, 1e300] * 8,
        "empty": [[] for _ in range(count)],
        "blocks": [{"at": n, "shares": [n / 3, 1.0]} for n in range(count)],
        "texts": ["a word that comes often"] * count,
        "flags": [True, False] * 20,
    }


@pytest.mark.parametrize("bulky", [(), ("counts", "blocks", "none")])
def test_every_value_comes_back_to_the_last_digit(bulky):
    values = many()
    assert spelled(back(values, bulky)) == spelled(values)
    assert math.copysign(1, back(values)["mixed"][3]) == -1


@pytest.mark.parametrize("text", ["@0", "#1", "$2", "%", "=x", "", "@", "=@0"])
def test_a_text_that_looks_like_a_reference_stays_a_text(text):
    values = {"name": text, "list": [text, text], "row": [{"a": text, "b": None}] * 3}
    assert back(values) == values


def test_rows_whose_last_values_are_open_are_filled_up():
    rows = [{"value": 1.5, "unit": "B", "low": None}, {"value": 2, "unit": "B", "low": 1.0}] * 2
    text = form.written({"rows": rows})
    assert back({"rows": rows}) == {"rows": rows}
    assert text.count('"unit"') == 1


def test_parts_are_packed_in_their_order_and_only_until_the_file_is_short_enough(monkeypatch):
    rng = random.Random(1)
    names = ("first", "second", "third")
    values = {name: [f"x{rng.random()}" for _ in range(200)] for name in names}
    monkeypatch.setattr(form, "TARGET", 12_500)
    text = form.written(values, ("second", "first", "third"))
    content = json.loads(text)
    assert [content[name] == "%" for name in values] == [False, True, False]
    assert back(values, ("second", "first", "third")) == values
    assert len(text) <= 12_500 < len(form.written(values))
    assert [json.loads(form.written(values, names))[name] == "%" for name in names] == [True, False, False]


def test_plain_json_is_read_as_it_is():
    assert form.read({"training": [1]}) == {"training": [1]}
    assert form.read([1]) == [1]


@pytest.mark.parametrize(
    "change",
    [
        {"form": 99}, {"form": None}, {"words": 3}, {"shapes": []}, {"packed": ""}, {"packed": "zz"}, {"packed": 3},
        {"one": "$99"}, {"one": "@-1"}, {"one": "@99"}, {"one": "%"}, {"one": ["#0", *range(9)]}, {"one": "#0"},
        {"one": "$0", "other": "$0", "third": "$0"},
    ],
)  # fmt: skip
def test_a_reference_to_nothing_is_refused(change):
    values = {"counts": list(range(20)), "rows": [{"a": 1, "b": "a source of many words"}] * 3}
    content = json.loads(form.written(values)) | change
    with pytest.raises(ValueError, match="form"):
        form.read(content)


def test_few_bytes_that_would_become_many_values_are_refused(monkeypatch):
    monkeypatch.setattr(form, "MAX_VALUES", 1000)
    monkeypatch.setattr(columns, "MAX_VALUES", 1000)
    content = {
        "form": 1,
        "rows": [["#0"]] * 50,
        "shapes": [[f"k{n}" for n in range(50)]],
        "words": [],
        "packed": "",
    }
    with pytest.raises(ValueError, match="more than 1000 values"):
        form.read(content)
    content |= {"rows": "$0", "packed": packed([[["r", 10**12]], {}])}
    with pytest.raises(ValueError, match="more than 1000 values"):
        form.read(content)
    monkeypatch.setattr(packing, "MAX_PACKED", 50)
    with pytest.raises(ValueError, match="larger than"):
        form.read(json.loads(form.written({"rows": [n * n for n in range(500)]})))


def test_every_published_record_takes_at_most_fifteen_kilobytes():
    sizes = {path: path.stat().st_size for path in PUBLISHED.glob("*/*/seed*.json")}
    assert sizes
    large = [path for path, size in sizes.items() if size > form.TARGET]
    assert len(large) < 0.01 * len(sizes)
    for (
        path
    ) in large:  # of networks with many layers, whose rows are the most of them, and a few by a few bytes
        layers = len(form.read(json.loads(path.read_text()))["layers"])
        assert sizes[path] <= max(300 * layers, 1.005 * form.TARGET)


def test_a_field_that_is_called_as_a_part_of_the_form_is_refused():
    with pytest.raises(ValueError, match="words"):
        form.written({"words": [1]})


def test_base_85_is_read_as_python_reads_it():
    for size in (*range(12), 4097):
        content = random.Random(size).randbytes(size)
        assert from_base85(base64.b85encode(content).decode()) == content
    for text in ("~~~~~", "ab cd", "abc\u00e9", '"0000'):
        with pytest.raises(ValueError, match=r"base 85|ascii"):
            from_base85(text)
