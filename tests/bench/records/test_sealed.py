import json

import pytest

from bench import SeesawError
from bench.records.record import Record, load
from bench.records.sealed import checksum, digest, slug
from tests.bench.edited import edited, set_


def test_a_file_is_written_in_lines_and_read_back(made, tmp_path):
    record = edited(
        made(), set_("notes", value={"words": ["1\n2", "[\n1\n]"], "numbers": [1, 2.5, -3e-7, None]})
    )
    path = record.save(tmp_path)
    assert '"numbers":[1,2.5,-3e-07,null]' in path.read_text()
    assert load(path) == record


@pytest.mark.parametrize("number", ["1e31", "-1e31", str(1 << 61), "NaN", "Infinity", "0." + "1" * 60])
def test_a_number_that_boards_could_not_compute_with_is_refused(made, tmp_path, number):
    path = made().save(tmp_path)
    path.write_text(path.read_text().replace('"budget":1.0', f'"budget":{number}'))
    with pytest.raises(SeesawError, match="no number that a record can hold"):
        load(path)


def test_a_file_beyond_the_largest_size_is_refused_before_it_is_parsed(made, tmp_path, monkeypatch):
    path = made().save(tmp_path)
    monkeypatch.setattr("bench.records.sealed.MAX_BYTES", path.stat().st_size - 1)
    with pytest.raises(SeesawError, match="larger than any record"):
        load(path)


def test_a_plain_file_is_read_and_keeps_its_seal_when_it_is_rewritten(made, tmp_path):
    record = made().sealed()
    path = tmp_path / "seed0.json"
    path.write_text(record.model_dump_json(indent=1))
    before = load(path)
    assert before.intact
    assert before.rewrite(path)
    assert not load(path).rewrite(path)
    assert load(path) == before
    assert load(path).checksum == record.checksum
    assert path.stat().st_size < len(record.model_dump_json())


def test_a_file_with_a_broken_seal_is_not_rewritten(made, tmp_path):
    path = edited(made().sealed(), set_("budget", value=2.0), sealed=False).write(tmp_path / "seed0.json")
    values = json.loads(path.read_text()) | {"budget": 3.0}
    path.write_text(json.dumps(values))
    with pytest.raises(SeesawError, match="changed after it was written"):
        load(path).rewrite(path)
    assert json.loads(path.read_text()) == values


def test_a_file_says_with_its_content_whether_its_seal_holds(made, tmp_path):
    record = made().sealed()
    path = record.write(tmp_path / "seed0.json")
    assert Record.opened(path.read_bytes(), path) == (record, True)
    values = json.loads(record.model_dump_json())
    whole = json.dumps(
        values | {"seconds": {"train": 3}}
    )  # 3 and 3.0: the same to the record, and not to a checksum
    again = edited(record, set_("seconds", value={"train": 3.0})).sealed()
    other = json.dumps(json.loads(whole) | {"checksum": again.checksum})
    assert Record.opened(other.encode(), path)[1]
    for number in (4.0, 5.0):
        changed = json.dumps(values | {"budget": number}).encode()
        assert not Record.opened(changed, path)[1]
        assert not Record.from_bytes(changed, path).intact


def test_the_checksum_is_of_every_value_but_open_ones(made):
    values = json.loads(made().sealed().model_dump_json())
    assert checksum(values) == values["checksum"]
    assert checksum(values | {"new": None, "list": [], "flag": False}) == values["checksum"]
    assert checksum(values | {"new": 0}) != values["checksum"]
    assert Record.model_validate(values).intact


def test_a_digest_does_not_depend_on_the_order_of_keys():
    assert digest({"a": 1, "b": {"c": 2, "d": 3}}) == digest({"b": {"d": 3, "c": 2}, "a": 1})
    assert digest({"a": [1, 2]}) != digest({"a": [2, 1]})


@pytest.mark.parametrize(
    ("name", "part"),
    [("resnet", "resnet"), ("my_nets.py:Tiny", "draft-tiny"), ("../..", "unnamed"), ("a:", "draft-unnamed")],
)
def test_a_name_becomes_a_part_of_a_path(name, part):
    assert slug(name) == part


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (set_("notes", "deep", value=json.loads("[" * 300 + "]" * 300)), "nested more than 32 deep"),
        (
            set_("setup", "task", "settings", "deep", value=json.loads('{"a":' * 40 + "1" + "}" * 40)),
            "nested",
        ),
        (set_("layers", 0, "shape", value=[(1 << 59) + 1] * 40_000), "at most 16 items"),
        (set_("cuts", 1, "shape", value=[1] * 17), "at most 16 items"),
        (set_("cuts", 1, "shape", value=[-1]), "greater than or equal to 0"),
    ],
)
def test_values_that_nobody_could_compute_with_are_refused_when_a_file_is_read(made, tmp_path, change, fault):
    values = json.loads(made().model_dump_json())
    change(values)
    path = tmp_path / "seed0.json"
    path.write_text(json.dumps(values))
    with pytest.raises(SeesawError, match=fault):
        load(path)
