"""The table of every exit, beside the records that it is made from."""

import csv

from bench.boards.board import read_boards
from bench.boards.results import results
from bench.records.notes import FASTEST
from bench.records.setup import Named
from bench.records.store import Store
from tests.bench.boards.test_parquet import read
from tests.bench.edited import beside_engines


def files(folder):
    return results(read_boards(Store(folder))[0])


def test_an_exit_of_a_record_is_a_row_with_units_in_its_heads(made, tmp_path):
    made(0).save(tmp_path)
    made(1, "sparse", scale=0.25).save(tmp_path)
    rows = list(csv.DictReader(files(tmp_path)["results.csv"].decode().splitlines()))
    assert sorted((row["method"], row["seed"], row["exit"], row["last"]) for row in rows) == [
        ("dense", "0", "0", "false"),
        ("dense", "0", "1", "true"),
        ("sparse", "1", "0", "false"),
        ("sparse", "1", "1", "true"),
    ]
    last = next(row for row in rows if row["method"] == "sparse" and row["last"] == "true")
    assert (last["top1"], last["macs_effective"], last["latency_s"], last["packed_bytes"]) == (
        "0.9", "750.0", "0.00025", "2000.0"
    )  # fmt: skip
    assert last["machine"] == "made, 1 thread"
    assert last["training"] == "2 epochs"
    assert float(last["speedup_x"]) == 4


def test_both_files_hold_the_same(made, tmp_path):
    made(0).save(tmp_path)
    made(1, "sparse", scale=0.25).save(tmp_path)
    both = files(tmp_path)
    table = read(both["results.parquet"])
    rows = list(csv.DictReader(both["results.csv"].decode().splitlines()))
    assert list(table) == list(rows[0])
    for name, cells in table.items():
        for cell, row in zip(cells, rows, strict=True):
            assert row[name] == "" if cell is None else str(cell).lower() == row[name].lower(), name


def test_a_record_on_two_rows_is_in_the_table_once(made, tmp_path):
    made(0, "sparse").save(tmp_path)
    made(1, "sparse").model_copy(update={"machine": {"processor": "other"}}).sealed().save(tmp_path)
    assert len(read(files(tmp_path)["results.parquet"])["seed"]) == 4


def test_no_cell_is_a_formula(made, tmp_path):
    record = made(0)
    evil = Named(name="dense", origin="seesaw-bench 1", settings={}, spec="=1+1")
    setup = record.setup.model_copy(update={"backbone": evil})
    record.model_copy(update={"setup": setup, "digest": setup.digest()}).sealed().save(tmp_path)
    rows = list(csv.DictReader(files(tmp_path)["results.csv"].decode().splitlines()))
    assert all(not row["backbone"].startswith("=") for row in rows)


def test_ratios_to_engines_have_a_column_of_their_own_where_there_are_any(made, tmp_path):
    made(0, "sparse", scale=0.25).save(tmp_path)
    assert "speedup_any_engine_x" not in files(tmp_path)["results.csv"].decode()
    assert FASTEST not in read_boards(Store(tmp_path))[0]["digits-v1"].axes
    beside_engines(made(1, "sparse", scale=0.25)).save(tmp_path)
    rows = list(csv.DictReader(files(tmp_path)["results.csv"].decode().splitlines()))
    last = {row["seed"]: (row["speedup_x"], row["speedup_any_engine_x"]) for row in rows}
    assert last == {"0": ("4.0", ""), "1": ("4.0", "2.0")}
    board = read_boards(Store(tmp_path))[0]["digits-v1"]
    (row,) = board.rows
    assert board.axes[FASTEST].value(row).mean.n == 1
    assert board.axes["speedup"].value(row).mean.n == 2
