"""A board's report for Weights & Biases, before anything is sent."""

import pytest

from bench import SeesawError
from bench.boards.board import read_boards
from bench.boards.show.markdown import page
from bench.boards.show.wandb import build, plain_rows, publish
from bench.records.store import Store


@pytest.fixture
def board(made, tmp_path):
    for seed, right in enumerate((178, 180, 182)):
        made(seed, right=(160, right)).save(tmp_path)
    made(0, "sparse", right=(150, 170), scale=0.25).save(tmp_path)
    return read_boards(Store(tmp_path))[0]["digits-v1"]


def test_its_table_has_a_value_for_each_head_and_an_interval_of_several_seeds(board):
    heads, rows = plain_rows(board)
    dense, sparse = (dict(zip(heads, row, strict=True)) for row in rows)
    assert (dense["seeds"], dense["top-1"]) == (3, pytest.approx(0.9))
    assert dense["top-1 ±"] == pytest.approx(4.303 * 0.01 / 3**0.5, rel=1e-3)
    assert sparse["top-1 ±"] is None
    assert {sparse[head] / dense[head] for head in ("effective MACs", "packed bytes", "latency")} == {0.25}


def test_the_report_plots_the_boards_own_runs_and_ends_in_its_page(board):
    report = build(board, "somebody", "seesaw")
    plots, text = report.blocks
    (runs,) = plots.runsets
    assert (runs.entity, runs.project) == ("somebody", "seesaw")
    assert "digits-v1" in str(runs.filters)
    assert text.text == page(board)


def test_without_a_key_nothing_is_sent_and_it_is_a_sentence(board, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.boards.show.wandb.logged_in", lambda: False)
    with pytest.raises(SeesawError, match="Run `wandb login`, or set WANDB_API_KEY"):
        publish(board, None, tmp_path)
