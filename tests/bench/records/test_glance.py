import json

import pytest

from bench import SeesawError, load
from bench.records.glance import Glance, glances


def test_a_glance_takes_the_numbers_that_the_whole_record_has(made, tmp_path):
    path = made(right=(160, 180)).save(tmp_path)
    whole, own = load(path), Glance.at(path)
    last = whole.exits[-1].readings
    assert own.accuracy == last["top1"].value == pytest.approx(0.9)
    assert own.most == pytest.approx(last["top1"].value + whole.net["overthinking"].value)
    assert own.bytes == min(one.value for name, one in last.items() if name.startswith("bytes."))
    assert own.latency == last["latency"].value
    assert own.most >= max(point.accuracy for curve in whole.curves for point in curve.outcomes) - 1e-9


def test_plain_json_is_read_as_well_as_the_form(made, tmp_path):
    path = made().save(tmp_path)
    plain = tmp_path / "plain.json"
    plain.write_text(json.dumps(load(path).model_dump(mode="json")))
    assert Glance.at(plain).accuracy == Glance.at(path).accuracy
    assert Glance.at(plain).most == Glance.at(path).most


def test_what_is_no_record_is_named_and_left_out(tmp_path):
    (tmp_path / "seed0.json").write_text("{}")
    found, trouble = glances([tmp_path / "seed0.json", tmp_path / "none.json"])
    assert found == []
    assert "seed0.json is no record that can be planned with" in trouble[0]
    assert "none.json" in trouble[1]
    with pytest.raises(SeesawError):
        Glance.at(tmp_path / "none.json")
