"""What a spiking network's readings look like wherever a network's MACs are shown; others have no column for them."""

import csv
from io import StringIO

import pytest
from rich.console import Console

from bench.boards.axes import axes
from bench.boards.board import read_boards
from bench.boards.results import results
from bench.boards.show.answer import answer
from bench.boards.show.markdown import page
from bench.boards.show.record import exits_table
from bench.boards.show.terminal import board_table
from bench.records.energy_model import SPIKES, modelled_spikes
from bench.records.store import Store
from tests.bench.edited import edited

COUNTS = ((1234.0, 56_700.0, 890.0), (2346.0, 67_800.0, 901.0))


@pytest.fixture
def spiking(made):
    """A made record with spikes, additions and analog MACs at both exits."""

    def change(values):
        for exit_, (ones, additions, macs) in zip(values["exits"], COUNTS, strict=True):
            source = "counted on 64 samples of the calibration split"
            for name, value, unit in (
                ("spikes", ones, "one"),
                ("synops", additions, "one"),
                ("macs.analog", macs, "MAC"),
            ):
                exit_["readings"][name] = {"value": value, "unit": unit, "source": source}
            joules = modelled_spikes(additions, macs)
            exit_["readings"][f"energy.{SPIKES}"] = {
                "value": joules,
                "unit": "J",
                "source": f"modelled, {SPIKES}",
            }

    return lambda seed=0: edited(made(seed), change)


def printed(*parts):
    console = Console(file=StringIO(), width=140)
    for part in parts:
        console.print(part)
    return console.file.getvalue()


def test_a_run_prints_spikes_and_their_modelled_energy_beside_macs(spiking, made):
    first = printed(*(part for part, _ in answer(spiking(), None)))
    assert "spikes; additions" in first
    assert "1.23 k; 56.7 k" in first
    assert "65.2 nJ" in first  # 67,800 x 0.9 pJ and 901 x 4.6 pJ
    assert f"by the model {SPIKES}" in first
    table = printed(exits_table(spiking(), None))
    assert "analog MACs" in table
    assert "2.35 k" in table
    assert "67.8 k" in table
    assert "spikes" not in printed(*(part for part, _ in answer(made(0), None)), exits_table(made(0), None))


def test_a_network_that_does_not_spike_has_empty_cells_beside_one_that_does(spiking, made, tmp_path):
    for seed in range(3):
        made(seed, "sparse", scale=0.25).save(tmp_path)
        spiking(seed).save(tmp_path)
    (board,) = read_boards(Store(tmp_path))[0].values()
    rows = [line for line in page(board).split("\n## Every exit")[0].splitlines() if line.startswith("| ")]
    assert rows[0].endswith("| spikes | synaptic operations | analog MACs |")
    assert sorted(row.endswith("|  |  |  |") for row in rows[1:]) == [False, True]


def test_a_board_has_a_column_for_each_where_a_network_spikes(spiking, made, tmp_path):
    for seed in range(3):
        made(seed).save(tmp_path / "dense")
        spiking(seed).save(tmp_path / "spiking")
    (board,), (other,) = (
        list(read_boards(Store(tmp_path / name))[0].values()) for name in ("spiking", "dense")
    )
    terminal = printed(board_table(board))
    assert "spike energy" in terminal
    assert "65.2 nJ" in terminal
    markdown = page(board)
    assert "| spikes | synaptic operations | analog MACs |" in markdown
    assert "| 2.35 k | 67.8 k | 901 |" in markdown
    assert {"spikes", "synops", "macs.analog"} <= axes(board.rows).keys()
    for text in (printed(board_table(other)), page(other)):
        assert "spike" not in text
    assert "spikes" not in axes(other.rows)
    rows = list(csv.DictReader(results({"one": board})["results.csv"].decode().splitlines()))
    assert {
        (row["spikes"], row["synaptic_operations"], row["macs_analog"])
        for row in rows
        if row["last"] == "true"
    } == {("2346.0", "67800.0", "901.0")}
    assert float(rows[1]["spike_energy_modelled_j"]) == pytest.approx(67_800 * 0.9e-12 + 901 * 4.6e-12)
