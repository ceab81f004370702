"""seesaw plot and publish as they are typed; `seesaw board` is in `tests/bench/test_cli.py`."""

import pytest
from typer.testing import CliRunner

from bench import SeesawError
from bench.cli import app


@pytest.fixture
def type_(made, tmp_path, monkeypatch):
    """Types a command in a folder with records of two versions of digits and one of blobs."""
    monkeypatch.chdir(tmp_path)
    for version in (1, 2):
        made(task_version=version).save(tmp_path / "leaderboards" / "records")
    made(task="blobs").save(tmp_path / "leaderboards" / "records")
    return lambda *words: CliRunner().invoke(app, words, catch_exceptions=False).output


@pytest.mark.parametrize(
    ("task", "board"), [("digits", "digits-v2"), ("digits-v1", "digits-v1"), ("blobs", "blobs-v1")]
)
def test_a_plot_is_of_the_newest_version_unless_one_is_named(type_, tmp_path, task, board):
    assert type_("plot", "--task", task).strip() == f"{board}-accuracy-macs.effective.png"
    assert (tmp_path / f"{board}-accuracy-macs.effective.png").read_bytes().startswith(b"\x89PNG")


def test_a_task_without_records_is_a_sentence_with_the_nearest_ones(type_):
    with pytest.raises(SeesawError, match=r"is of a task 'digit'; did you mean .*'digits-v1'"):
        type_("plot", "--task", "digit")


def test_only_the_named_backbones_and_methods_are_drawn(type_, tmp_path):
    with pytest.raises(SeesawError, match="Name others"):
        type_("plot", "--methods", "sparse", "--out", "p.png")
    type_("plot", "--methods", "sparse,dense", "--backbones", "mlp", "--out", "p.png")
    assert (tmp_path / "p.png").exists()


def test_a_report_is_of_that_board_too(type_, monkeypatch):
    monkeypatch.setattr(
        "bench.boards.show.wandb.publish", lambda board, project, runs: f"{board.name} in {project}, {runs}"
    )
    assert type_("publish", "--project", "me/mine").strip() == "digits-v2 in me/mine, runs"
