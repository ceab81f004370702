import json
from pathlib import Path

import pytest

from bench import SeesawError
from bench.records.curve import Counts, Curve, Point
from bench.records.record import Record, load, schema
from bench.records.sealed import checksum
from bench.records.setup import Named, Setup, path_of
from tests.bench.edited import values_of


def named(name="dense", **changes):
    return Named(**({"name": name, "origin": "seesaw-bench 1", "settings": {}, "spec": name} | changes))


def setup(**changes):
    parts = {
        "task": named("digits"), "task_version": 1, "task_identity": {}, "backbone": named("mlp"), "method": named(),
        "exits": named("joint"), "policies": [], "codecs": [named("int8")], "meters": [], "recipe": {"epochs": 3},
        "device": "cpu", "weights": None,
    }  # fmt: skip
    return Setup(**(parts | changes))


def record(seed=0, **changes):
    return Record(
        digest=setup(**changes).digest(), seed=seed, setup=setup(**changes), budget=1.0, exits=[], cuts=[], curves=[],
        layers=[], net={}, absent={}, notes={}, training=[], seconds={}, machine={}, versions={}, commit=None, dirty=None,
    )  # fmt: skip


def test_a_record_comes_back_from_its_file(tmp_path):
    one = record()
    path = one.save(tmp_path)
    assert load(path) == one.sealed()
    assert path == tmp_path / "digits-v1" / f"mlp_dense-{one.digest}" / "seed0.json"
    assert [p.name for p in path.parent.iterdir()] == ["seed0.json"]


def test_the_digest_is_of_settings_and_not_of_spellings_origins_or_seeds():
    plain = setup().digest()
    assert setup(backbone=named("mlp", origin="seesaw-bench 2", spec="mlp[width=1.0]")).digest() == plain
    assert setup(backbone=named("mlp", settings={"width": 0.5})).digest() != plain
    assert setup(task_version=2).digest() != plain
    assert setup(recipe={"epochs": 4}).digest() != plain
    assert setup(task_identity={"files": "abc"}).digest() != plain
    assert setup(backbone=named("mlp", origin="draft mlp.py sha256:1")).digest() != plain


def test_a_setting_that_is_left_open_does_not_move_old_records():
    plain = setup(method=named("m", settings={"density": 0.5})).digest()
    for value in (None, False, [], ""):
        assert setup(method=named("m", settings={"density": 0.5, "new": value})).digest() == plain
    for value in (0, 0.0, True, "all", [1]):
        assert setup(method=named("m", settings={"density": 0.5, "new": value})).digest() != plain


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/tmp/x", "a/b:../..", "..", "", "C:\\x", "x" * 9 + "\0"]
)
def test_no_name_leads_out_of_the_folder(name):
    bad = named(name)
    path = path_of(Path("/records"), setup(task=bad, backbone=bad, method=bad), "0" * 12, 0)
    assert path.resolve().is_relative_to("/records")
    assert len(path.relative_to("/records").parts) == 3


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"seed": 1}', "\x00\x01"])
def test_what_is_no_record_is_a_sentence(tmp_path, text):
    path = tmp_path / "seed0.json"
    path.write_text(text)
    with pytest.raises(SeesawError, match="no whole record"):
        load(path)
    with pytest.raises(SeesawError, match="cannot be read"):
        load(tmp_path / "none.json")


def test_a_record_with_an_unknown_field_is_refused(tmp_path):
    path = record().save(tmp_path)
    path.write_text(json.dumps(values_of(path) | {"surprise": 1}))
    with pytest.raises(SeesawError, match="surprise"):
        load(path)


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SeesawError, match="cannot be written"):
        record().save(tmp_path / "file")


def test_a_write_that_breaks_leaves_the_old_record(tmp_path, monkeypatch):
    path = record().save(tmp_path)
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bench.files.os.fsync", full)
    with pytest.raises(SeesawError, match="No space left on device"):
        record().save(tmp_path)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["seed0.json"]


def test_the_schema_has_every_field():
    properties = json.loads(schema())["properties"]
    assert set(properties) == set(Record.model_fields)


def test_records_of_version_1_are_read_and_their_checksum_holds(tmp_path):
    points = [
        Point(
            thresholds=[None],
            accuracy=0.9,
            macs=40,
            shares=[1.0],
            calibration_accuracy=0.9,
            calibration_macs=40,
        )
    ]
    old = record().model_copy(
        update={"schema_version": 1, "curves": [Curve(policy="never", reference=False, points=points)]}
    )
    values = json.loads(old.model_dump_json())
    values["curves"][0] = {key: values["curves"][0][key] for key in ("policy", "reference", "points")}
    values["checksum"] = checksum(values)
    path = tmp_path / "seed0.json"
    path.write_text(json.dumps(values))
    read = load(path)
    assert read.checksum == checksum(json.loads(read.model_dump_json()))
    assert read.curves[0].outcomes == points


def test_curves_take_little_room(tmp_path):
    rows = [[100 * n, 4000 - 100 * n, 6000] for n in range(40)]
    counts = Counts(left=rows, right=[9000] * 40)
    curve = Curve(
        policy="confidence", reference=False, costs=[1e6, 2e6, 4e6], thresholds=[[0.123456789] * 3] * 40, test=counts,
        calibration=counts,
    )  # fmt: skip
    plain = len(record().save(tmp_path).read_bytes())
    whole = len(record().model_copy(update={"curves": [curve] * 10}).save(tmp_path / "b").read_bytes())
    assert (whole - plain) / 400 < 120  # bytes a point
