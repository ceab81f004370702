"""A board in the terminal, beside the hand counts of made records."""

from io import StringIO

import pytest
from rich.console import Console

from bench.boards.board import read_boards
from bench.boards.show.terminal import board_table
from bench.records.store import Store


@pytest.fixture
def board(made, tmp_path):
    """Three seeds of dense networks, and three of sparse ones with a quarter of the cost."""
    for seed, right in enumerate((178, 180, 182)):
        made(seed, right=(160, right)).save(tmp_path)
        made(seed, "sparse", right=(150, 170), scale=0.25).save(tmp_path)
    return read_boards(Store(tmp_path))[0]["digits-v1"]


def printed(*given):
    console = Console(file=StringIO(), width=140)
    console.print(board_table(*given))
    return [line.split() for line in console.file.getvalue().splitlines()]


def test_a_row_has_the_means_and_below_them_intervals_and_ratios(board):
    lines = printed(board)
    dense, sparse = (
        next(n for n, words in enumerate(lines) if words[:1] == [f"mlp_{method}"])
        for method in ("dense", "sparse")
    )
    assert lines[dense][1:] == ["3", "90.00%", "3", "k", "8", "kB", "1", "ms", "64B", "1", "x"]
    assert lines[dense + 1] == ["joint,", "2", "epochs", "±", "2.48"]
    assert lines[sparse][1:6] == ["3", "85.00%", "750", "2", "kB"]
    assert lines[sparse + 1][3:] == ["±", "0.00", "4.00", "x", "4.00", "x", "4.00", "x", "1.00", "x"]


def test_only_the_lines_that_are_asked_for_are_shown(board):
    (sparse,) = (line for line in board.lines if line.row.setup.method.name == "sparse")
    names = [
        words[0]
        for words in printed(board, board.fields[0], [sparse])
        if words and words[0].startswith("mlp_")
    ]
    assert names == ["mlp_sparse"]
