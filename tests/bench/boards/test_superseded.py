"""Of several records of one training and seed the newest counts, and the others are told."""

import pytest

from bench.boards.board import read_boards
from bench.boards.pages import files, write_pages
from bench.boards.superseded import remarks, superseded
from bench.commands.boards import board
from bench.records.store import Store
from tests.bench.made import named

LATER = "2999-01-01T00:00:00+00:00"


def again(made, machine=None):
    """A record of the same training and seed with one codec more, written later."""
    one = made(0, "sparse", scale=0.25, codecs=[*made().setup.codecs, named("more")])
    machine = one.machine if machine is None else {"processor": machine}
    return one.model_copy(update={"created": LATER, "machine": machine}).sealed()


@pytest.fixture
def store(made, tmp_path):
    """Two seeds of a sparse network, one of them measured twice, and its parent."""
    for seed in range(2):
        made(seed).save(tmp_path / "records")
        made(seed, "sparse", scale=0.25).save(tmp_path / "records")
    again(made).save(tmp_path / "records")
    return Store(tmp_path / "records")


def test_the_older_of_two_is_listed_with_the_one_in_its_place(store, made):
    rows = read_boards(store)[0]["digits-v1"].rows
    assert [row.reasons for row in rows] == [[], []]
    table = superseded(rows)
    (line,) = table.rows
    old, new = made(0, "sparse", scale=0.25), again(made)
    assert line[:4] == [
        old.setup.model_at_density,
        "0",
        f"digits-v1/mlp_sparse-{old.digest}/seed0.json",
        old.created[:10],
    ]
    assert line[4:] == [f"digits-v1/mlp_sparse-{new.digest}/seed0.json", "2999-01-01"]
    assert table.title == "Superseded records: 1"
    (sparse,) = (row for row in rows if row.setup.method.name == "sparse")
    assert {one.digest for one in sparse.records if one.seed == 0} != {old.digest}


def test_pages_and_the_command_tell_of_them(store, tmp_path, capsys):
    pages, _ = files(store)
    assert "## Superseded records: 1" in pages["digits-v1.md"].decode()
    board(records=store.records)
    out = " ".join(capsys.readouterr().out.split())
    assert "1 record counts nowhere" in out
    assert "digits-v1.md (1)" in out


def test_where_none_is_superseded_nothing_is_said(made, tmp_path):
    made(0).save(tmp_path / "records")
    store, said = Store(tmp_path / "records"), []
    write_pages(store, tmp_path / "pages", said.append)
    assert said == remarks(read_boards(store)[0]) == []
    assert superseded(read_boards(store)[0]["digits-v1"].rows) is None
    assert "Superseded" not in (tmp_path / "pages" / "digits-v1.md").read_text()


def test_records_of_two_machines_both_count(store, made):
    store.path(again(made)).unlink()
    again(made, "other").save(store.records)
    assert superseded(read_boards(store)[0]["digits-v1"].rows) is None
