"""The table of every exit, beside the records that it is made from."""

import csv

from bench.boards.board import read_boards
from bench.boards.results import results
from bench.records.notes import FASTEST
from bench.records.setup import Named
from bench.records.store import Store
from tests.bench.boards.test_parquet import read
from tests.bench.edited import beside_engines, edited


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


def test_what_c_takes_of_a_microcontroller_is_an_axis_and_a_column_where_a_record_has_it(made, tmp_path):
    made(0, "sparse", scale=0.25).save(tmp_path)
    names = {"flash.cortex-m4": "B", "ram.cortex-m4": "B", "instructions.cortex-m4": "instruction"}
    assert not names.keys() & read_boards(Store(tmp_path))[0]["digits-v1"].axes.keys()

    def taken(number, side=""):
        spread = {"low": 1000.0, "high": 1001.0, "n": 4}
        return {
            f"{name}{side}": {"value": 1000.0 + number, "unit": unit, "source": "C of int8, gcc"}
            | (spread if unit != "B" else {})
            for name, unit in names.items()
        }

    def measured(values):
        settings = {"boards": ["cortex-m4"], "samples": 4}
        values["setup"]["meters"].append(
            {"name": "c", "origin": "seesaw-bench 1", "settings": settings, "spec": "c"}
        )
        for number, exit_ in enumerate(values["exits"]):
            exit_["readings"] |= taken(number)
        for cut in values["cuts"][1:]:
            cut["readings"] |= taken(0, ".device")

    record = edited(made(1, "sparse", scale=0.25), measured)
    record = record.model_copy(update={"digest": record.setup.digest()}).sealed()
    assert record.faults() == []
    record.save(tmp_path)
    board = read_boards(Store(tmp_path))[0]["digits-v1"]
    (row,) = board.rows
    assert [name for name in board.axes if name in names] == list(names)
    assert board.axes["ram.cortex-m4"].head == "RAM, cortex-m4"
    assert board.axes["instructions.cortex-m4"].value(row).lines[0] == "1 k"
    rows = list(csv.DictReader(files(tmp_path)["results.csv"].decode().splitlines()))
    last = {
        row["seed"]: (row["flash_cortex_m4_bytes"], row["instructions_cortex_m4"])
        for row in rows
        if row["last"] == "true"
    }
    assert last == {"0": ("", ""), "1": ("1001.0", "1001.0")}


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
