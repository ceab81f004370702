import io

import pytest
from rich.console import Console

from bench.runs.progress import Cells, RunProgress, duration
from bench.runs.workers import News
from tests.bench.ticks import Ticks


@pytest.fixture
def out():
    """A console that is no terminal, and keeps what is printed."""
    return Console(file=io.StringIO(), width=200)


def printed(out):
    return [line for line in out.file.getvalue().splitlines() if line]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.6, "1 min 00 s"), (187, "3 min 07 s"), (3599, "59 min 59 s"), (7500, "2 h 05 min")],
)
def test_a_duration_is_in_words(seconds, words):
    assert duration(seconds) == words


def test_without_a_terminal_a_run_prints_its_title_and_the_time_of_training(out):
    clock = Ticks()
    with RunProgress(out, "mlp on digits", clock) as shown:
        for phase in ("data", "train", "trace"):
            for done, line in ((0, ""), (0.5, "half-way"), (1, "")):
                shown(phase, done, 1, line)
                clock.sleep(1.5)
    assert printed(out) == ["mlp on digits", "  trained in 3.0 s"]


def test_a_cell_that_ends_takes_a_line_and_the_time_left_follows_from_those_done_and_at_work(out):
    clock = Ticks()
    with Cells(out, ["a", "b", "c", "d"], clock) as cells:
        assert cells.left() == "unknown time"
        clock.sleep(60)
        cells(News(1, 0, "at", share=0.5))
        assert cells.left() == "7 min 00 s", "half a cell in a minute, and three and a half to go"
        cells(News(0, 1, "done", seconds=61.0))
        cells(News(1, 0, "failed", "why", seconds=62.0))
    assert printed(out) == [
        "[1/4] done a (1 min 01 s), 1 min 40 s left",
        "[2/4] FAILED b (1 min 02 s), 1 min 00 s left",
    ]
