"""What pages show of a row is computed once, and anew where anything that it hangs on is another.

Covers: bench/boards/lines.py
"""

import pytest

from bench.boards import extracts
from bench.boards import keeper as module
from bench.boards.board import keep, read_boards
from bench.boards.keeper import Keeper
from bench.boards.pages import files
from bench.boards.show import markdown
from bench.records.record import Record
from bench.records.store import Store


@pytest.fixture
def store(made, tmp_path, monkeypatch):
    """Three seeds of a dense network and of a sparse one, and a cache of its own."""
    monkeypatch.setenv("SEESAW_CACHE", str(tmp_path / "cache"))
    for seed in range(3):
        made(seed).save(tmp_path / "records")
        made(seed, "sparse", scale=0.25).save(tmp_path / "records")
    return Store(tmp_path / "records")


@pytest.fixture
def drawn(monkeypatch):
    """The methods of the rows whose last exits are computed from now on."""
    methods, last_of = [], markdown._last_of

    def watched(line):
        methods.append(line.row.setup.method.name)
        return last_of(line)

    monkeypatch.setattr(markdown, "_last_of", watched)
    return methods


def kept(tmp_path):
    (path,) = (tmp_path / "cache").rglob("*-rows.jsonl")
    return path


def test_what_did_not_change_is_not_computed_again_and_pages_are_the_same(store, drawn, tmp_path):
    first = files(store)
    assert sorted(drawn) == ["dense", "sparse"]
    assert files(store) == first
    assert len(drawn) == 2
    kept(tmp_path).unlink()
    assert files(store) == first
    assert len(drawn) == 4


def test_a_new_seed_of_a_parent_computes_the_row_and_its_children_anew(store, drawn, made):
    files(store)
    made(3).save(store.records)
    made(0, "random", scale=0.5).save(store.records)
    files(store)
    assert sorted(drawn[2:]) == ["dense", "random", "sparse"]
    made(3, "sparse", scale=0.25).save(store.records)
    again = files(store)
    assert drawn[5:] == ["sparse"]
    (store.records.parent / "cache").rename(store.records.parent / "gone")
    assert files(store) == again, "and nothing that is kept is out of date"


def test_a_note_beside_a_record_computes_its_row_anew(store, drawn):
    files(store)
    next(store.records.glob("*/mlp_sparse-*/seed0.json")).with_suffix(".contested").write_text("No.")
    pages, _ = files(store)
    assert drawn[2:] == ["sparse"]
    assert "| 2 (contested) |" in pages["digits-v1.md"].decode()


def test_other_code_computes_all_anew(store, drawn, monkeypatch):
    files(store)
    monkeypatch.setattr(module, "version", lambda: "another")
    for _ in range(2):
        files(store)
        assert len(drawn) == 4


@pytest.mark.parametrize("end", ["half a line", 'key\t{"last exit', "\udcff"])
def test_a_file_that_is_not_whole_is_begun_anew(store, drawn, tmp_path, end):
    first = files(store)
    with kept(tmp_path).open("ab") as file:
        file.write(end.encode(errors="surrogateescape"))
    for _ in range(2):
        assert files(store) == first
        assert len(drawn) == 4


def test_rows_that_are_no_more_are_forgotten(store, tmp_path, monkeypatch, made):
    monkeypatch.setattr(module, "SPARE", 1)
    for seed in range(3, 9):
        made(seed, "sparse", scale=0.25).save(store.records)
        files(store)
    assert len(kept(tmp_path).read_text().split("\n")) < 12
    boards, _ = read_boards(store)
    keep(boards)
    assert len(kept(tmp_path).read_text().split("\n")) < 12


def test_nothing_is_read_before_a_row_is_asked_for(store, tmp_path):
    files(store)
    kept(tmp_path).write_bytes(b"\xff")
    one = Keeper(store)
    one.save()
    assert kept(tmp_path).read_bytes() == b"\xff"
    assert one.of("key") == {}


@pytest.fixture
def two_tasks(store, made, monkeypatch):
    """Records of one more task, whose folder is the first, all read in this process as if they were many."""
    monkeypatch.setattr(extracts, "FEW", 0)
    monkeypatch.setattr(extracts, "cores", lambda: 1)
    for seed in range(3):
        record = made(seed)
        task = record.setup.task.model_copy(update={"name": "another", "spec": "another"})
        setup = record.setup.model_copy(update={"task": task})
        record.model_copy(update={"setup": setup, "digest": setup.digest()}).sealed().save(store.records)
    return store


def test_rows_of_a_task_are_computed_before_the_records_of_the_next_are_read(two_tasks, drawn, monkeypatch):
    events, opened = [], Record.opened.__func__

    def watched(cls, data, path):
        events.append((path.parts[-3], len(drawn)))
        return opened(cls, data, path)

    monkeypatch.setattr(Record, "opened", classmethod(watched))
    files(two_tasks)
    assert events == [("another-v1", 0)] * 3 + [("digits-v1", 1)] * 6
    assert len(drawn) == 3, "and none of them is computed again"


def test_a_record_in_another_tasks_folder_computes_its_row_anew(two_tasks, monkeypatch):
    path = next(two_tasks.records.glob("digits-v1/mlp_sparse-*/seed0.json"))
    other = two_tasks.records / "another-v1" / path.parent.name
    other.mkdir()
    path.rename(other / path.name)
    early = files(two_tasks)
    assert "It lies at" in early[0]["digits-v1.md"].decode()
    (two_tasks.records.parent / "cache").rename(two_tasks.records.parent / "gone")
    monkeypatch.setattr(extracts, "FEW", 100)
    assert files(two_tasks) == early
