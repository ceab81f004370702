"""Stages by the names that their network gives them, where a person reads about exits and cuts."""

import io

from rich.console import Console

from bench.boards.show.answer import answer
from bench.boards.show.record import cuts_table, exits_table
from bench.records.notes import STAGES, stage_words
from bench.runs.request import RunRequest
from bench.runs.run import run

BUILD = """
from collections import OrderedDict
from torch import nn

def build(classes=10):
    return nn.Sequential(OrderedDict(
        first=nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU()), second=nn.Conv2d(4, 4, 3), flat=nn.Flatten(), last=nn.Linear(64, 10),
    ))
"""


def printed(*tables):
    console = Console(file=io.StringIO(), width=200, markup=False)
    for table in tables:
        console.print(table)
    return console.file.getvalue()


def test_a_captured_network_names_its_stages_wherever_they_are_read(places, tmp_path):
    (tmp_path / "mine.py").write_text(BUILD)
    request = RunRequest(
        task="digits", model=f"module[path={tmp_path / 'mine.py'}:build]_dense", recipe={"epochs": "1"}, codecs=("int8",),
        policies=("confidence",), meters=("macs", "storage"), **places,
    )  # fmt: skip
    record = run(request)
    assert record.notes[STAGES] == ["first.0", "second"]
    assert list(record.contradictions()) == []
    assert "0 (stage 0, first.0)" in printed(*(part for part, _ in answer(record, None)))
    text = printed(exits_table(record, None), cuts_table(record))
    assert "0, first.0" in text
    assert "behind first.0" in text
    other = record.model_copy(update={"notes": record.notes | {STAGES: ["first"]}})
    assert "Its 2 stages have other names than so many words." in list(other.contradictions())


def test_a_network_that_names_none_has_numbers():
    assert stage_words({}, 3) == "stage 3"
