"""seesaw show and diff, as a contributor types them.

Covers: bench/boards/show/record.py
"""

import json

import pytest
from typer.testing import CliRunner

from bench import SeesawError
from bench.cli import app
from bench.commands import options
from bench.records.record import Record


@pytest.fixture
def type_(monkeypatch):
    monkeypatch.setattr(options.out, "width", 160)
    return lambda *words: (
        CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False).output
    )


def changed(record, change):
    values = json.loads(record.model_dump_json())
    change(values)
    return Record.model_validate(values).sealed()


def test_diff_shows_what_only_one_of_them_has_and_every_number_beside_readings(type_, made, tmp_path):
    full = made(0)
    poor = changed(
        full, lambda values: (values["exits"][0]["readings"].pop("latency"), values.update(curves=[]))
    )
    longer = changed(full, lambda values: values["training"].append(values["training"][0]))
    odd = changed(full, lambda values: values["exits"][0]["readings"]["bytes.dense"].update(unit="one"))
    paths = {}
    for name, record in {"full": full, "poor": poor, "longer": longer, "odd": odd}.items():
        paths[name] = record.save(tmp_path / name)
    assert "All numbers are the same." in type_("diff", paths["full"], paths["full"])
    for pair in (("full", "poor"), ("poor", "full")):
        shown = type_("diff", *(paths[name] for name in pair))
        assert "exit 0: latency, s" in shown
        assert "curve fixed, point 0: accuracy" in shown
    steps = next(
        line for line in type_("diff", paths["full"], paths["longer"]).splitlines() if "steps" in line
    )
    assert steps.split() == ["steps", "20", "30", "1.5"]
    assert "bytes.dense, one" in type_("diff", paths["full"], paths["odd"])


def test_show_finds_the_dense_parent_beside_a_record_and_says_where_there_is_none(type_, made, tmp_path):
    sparse = made(0, "sparse", scale=0.25).save(tmp_path)
    assert "Run mlp_dense to compare accuracy" in type_("show", sparse)
    parent = made(0).save(tmp_path)
    shown = type_("show", sparse)
    assert parent.exists()
    assert "to compare accuracy" not in shown
    assert "(4.0 x)" in shown
    assert len(shown.splitlines()) <= 30
    assert max(map(len, shown.replace(str(sparse), "").splitlines())) <= 100
    assert "4.00 x" in type_("show", sparse, "--exits")
    assert "resnet_sparse" not in type_("show", sparse, "--cuts", "--walks")


def test_show_gives_every_part_by_its_option_and_all_of_them_at_once(type_, made, tmp_path):
    path = made(0).save(tmp_path)
    parts = {
        "--settings": "recipe",
        "--exits": "quartiles",
        "--cuts": "crosses",
        "--policies": "policies: top-1",
    }
    for option, words in parts.items():
        assert words not in type_("show", path)
        assert words in type_("show", path, option)
    everything = type_("show", path, "--all")
    assert all(words in everything for words in parts.values())
    assert "Best cut" in everything


def test_a_maintainers_note_is_shown_by_show_and_verify(type_, made, tmp_path):
    path = made(0).save(tmp_path)
    path.with_suffix(".contested").write_text("Its seed was chosen.")
    assert "Not to be believed: Its seed was chosen." in type_("show", path)
    assert "A maintainer contests it: Its seed was chosen." in type_("verify", path)


def test_a_record_whose_notes_make_no_sense_is_called_so_and_no_fault_in_seesaw(type_, made, tmp_path):
    forged = changed(made(0), lambda values: values["notes"].update(stages=3)).save(tmp_path)
    with pytest.raises(SeesawError, match=r"is not to be believed, and cannot be shown\. Its"):
        type_("show", forged)


def test_walks_that_were_disturbed_are_marked_and_have_no_ratio(type_, made, tmp_path):
    quiet = made(0)

    def disturb(values):
        for walk in values["walks"]:
            for one in walk["readings"].values():
                one["disturbed"] = one["n"]

    shown = [
        type_("show", one.save(tmp_path / name), "--walks")
        for name, one in (("quiet", quiet), ("busy", changed(quiet, disturb)))
    ]
    assert "~" not in shown[0]
    assert " x " in shown[0].replace("\n", " ")
    assert "0.00 x" not in shown[1]
    times = [
        word for line in shown[1].splitlines() if " us" in line or " ms" in line for word in line.split()
    ]
    assert any(word.startswith("~") for word in times)


def test_plain_json_holds_every_value_and_nothing_that_a_terminal_obeys(type_, made, tmp_path):
    odd = "\x1b[31m\x9b31m\u202e\u2028"
    record = changed(made(0), lambda values: values["machine"].update(processor=odd))
    printed = type_("show", record.save(tmp_path), "--json")
    assert json.loads(printed) == json.loads(record.model_dump_json())
    assert printed.replace("\n", "").isprintable()
