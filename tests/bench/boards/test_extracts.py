"""Extracts are kept from one reading to the next, and never longer than they hold."""

import json
import logging

import pytest

from bench.boards import extracts as module
from bench.boards.board import read_boards
from bench.boards.extracts import extracts
from bench.boards.pages import files
from bench.records.record import Record
from bench.records.store import Store
from tests.bench.edited import values_of


@pytest.fixture
def store(made, tmp_path, monkeypatch):
    """Two seeds of two methods, and a cache of its own."""
    monkeypatch.setenv("SEESAW_CACHE", str(tmp_path / "cache"))
    for seed in range(2):
        made(seed).save(tmp_path / "records")
        made(seed, "sparse", scale=0.25).save(tmp_path / "records")
    return Store(tmp_path / "records")


@pytest.fixture
def read(monkeypatch):
    """The paths of records that are parsed from now on."""
    paths = []
    opened = Record.opened.__func__

    def watched(cls, data, path):
        paths.append(path)
        return opened(cls, data, path)

    monkeypatch.setattr(Record, "opened", classmethod(watched))
    return paths


def one(store):
    return sorted(store.records.rglob("seed0.json"))[0]


def kept(tmp_path):
    (path,) = (path for path in (tmp_path / "cache").rglob("*.jsonl") if "rows" not in path.name)
    return path


def test_what_did_not_change_is_not_read_again_and_pages_are_the_same(store, read):
    first = files(store)
    assert len(read) == 4
    assert files(store) == first
    assert len(read) == 4


def test_a_new_record_is_the_only_one_that_is_read(store, read, made):
    extracts(store)
    path = made(2).save(store.records)
    for _ in range(2):
        found, trouble = extracts(store)
        assert (len(found), trouble) == (5, [])
    assert read[4:] == [path]


def test_a_record_that_was_changed_is_found_out(store, read):
    extracts(store)
    path = one(store)
    values = values_of(path)
    values["budget"] = 2.0
    path.write_text(json.dumps(values))
    for _ in range(2):
        entry = next(entry for entry in extracts(store)[0] if entry.contested is not None)
        assert "changed after it was written" in entry.contested
        assert not entry.sound
    assert read[4:] == [path, path], "what has a fault is not kept"


def test_a_known_content_at_another_place_is_a_fault(store):
    extracts(store)
    path = one(store)
    path.rename(path.with_name("seed9.json"))
    (entry,) = (entry for entry in extracts(store)[0] if entry.contested is not None)
    assert "its settings belong to" in entry.contested


def test_a_note_beside_a_kept_record_contests_it(store, read):
    extracts(store)
    one(store).with_suffix(".contested").write_text("The wrong data.")
    (entry,) = (entry for entry in extracts(store)[0] if entry.contested is not None)
    assert entry.contested == "The wrong data."
    assert entry.sound
    assert len(read) == 4


def test_a_file_that_is_no_record_is_told_each_time(store):
    bad = one(store).with_name("seed7.json")
    bad.write_text("{}")
    for _ in range(2):
        found, trouble = extracts(store)
        assert len(found) == 4
        assert "seed7.json is no whole record" in trouble[0]


def test_other_checks_look_at_every_record_anew(store, read, monkeypatch):
    extracts(store)
    monkeypatch.setattr(module, "version", lambda: "another")
    extracts(store)
    assert len(read) == 8
    extracts(store)
    assert len(read) == 8


@pytest.mark.parametrize("end", ['["half', '["x","y",[1,2]]', "[1]"])
def test_a_file_of_lines_that_is_not_whole_is_begun_anew(store, read, tmp_path, end):
    first = files(store)
    with kept(tmp_path).open("a") as file:
        file.write(end)
    assert files(store) == first
    assert len(read) == 8
    assert files(store) == first
    assert len(read) == 8


def test_lines_of_no_use_end_in_a_new_file(store, read, made, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SPARE", 3)
    for path in sorted(store.records.rglob("*.json"))[1:]:
        path.unlink()
    extracts(store)
    for number in range(6):
        made(0, "sparse", scale=0.25, right=(100 + number, 150)).save(store.records)
        extracts(store)
    extracts(store)
    assert len(kept(tmp_path).read_text().splitlines()) < 20
    assert len(extracts(store)[0]) == 2


def test_without_a_folder_to_keep_them_in_all_is_read_and_a_line_says_so(
    store, read, monkeypatch, tmp_path, caplog
):
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o777)
    monkeypatch.setenv("SEESAW_CACHE", str(tmp_path / "shared"))
    with caplog.at_level(logging.WARNING, logger="seesaw"):
        for _ in range(2):
            assert len(extracts(store)[0]) == 4
    assert len(read) == 8
    assert "is read anew" in caplog.text


def test_many_are_read_in_several_processes_and_are_the_same(store, monkeypatch, tmp_path):
    alone = read_boards(store)[0]["digits-v1"]
    monkeypatch.setenv("SEESAW_CACHE", str(tmp_path / "other"))
    monkeypatch.setattr(module, "FEW", 0)
    monkeypatch.setattr(module, "cores", lambda: 2)
    many = read_boards(store)[0]["digits-v1"]
    assert [row.accuracies for row in many.rows] == [row.accuracies for row in alone.rows]
