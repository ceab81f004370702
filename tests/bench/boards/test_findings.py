"""Findings and the headline, beside an independent script that reads the raw JSON of the same records.

Covers: bench/boards/headline.py
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.boards.board import read_boards
from bench.boards.findings import best_by_density
from bench.boards.headline import cases, count, headline
from bench.boards.show.markdown import page
from bench.records.setup import Named
from bench.records.store import Store

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "findings.py"


def method(name, density):
    return Named(
        name=name, origin="seesaw-bench 1", settings={"density": density}, spec=f"{name}[density={density}]"
    )


@pytest.fixture
def folder(made, tmp_path):
    """A dense network, and three methods at an eighth of its cost that lose nothing, something or much, and one that saves little."""
    rights = {"sparse": (179, 181, 182), "pruned": (170, 190, 176), "random": (150, 151, 152)}
    for seed, right in enumerate((180, 181, 182)):
        made(seed, right=(160, right)).save(tmp_path)
        for name, own in rights.items():
            save(tmp_path, made(seed, name, right=(160, own[seed]), scale=0.125), method(name, 0.125))
        save(tmp_path, made(seed, "sparse", right=(160, right), scale=0.5), method("sparse", 0.5))
    return tmp_path


def save(folder, record, named):
    setup = record.setup.model_copy(update={"method": named})
    record.model_copy(update={"setup": setup, "digest": setup.digest()}).save(folder)


def field(folder):
    (board,) = read_boards(Store(folder))[0].values()
    (field,) = board.fields
    return field


def test_networks_that_save_much_are_counted_by_the_answer_on_their_loss(folder):
    own = cases(field(folder).peers.rows)
    assert {case.row.setup.method.name: case.verdict("whole") for case in own if case.saves("whole")} == {
        "sparse": "cannot tell", "pruned": "cannot tell", "random": "worse",
    }  # fmt: skip
    numbers = count(own, "whole")
    assert (numbers.all, numbers.saving, numbers.within, numbers.untold) == (4, 3, 0, 2)
    assert numbers.by_mean == 1


def test_the_headline_names_what_is_within_by_the_mean_and_what_the_seeds_can_tell(folder):
    table = headline(field(folder).peers.rows)
    assert [cells[1:5] for cells in table.rows] == [
        ["sparse[density=0.125]", part, "3", "8.00 x"] for part in ("whole", "at every exit", "on the device, at every cut")
    ]  # fmt: skip
    assert [cells[-1] for cells in table.rows] == ["cannot tell"] * 3
    assert (
        "whole: of 4 networks 3 save as much, 1 of these within the margin by the mean, 0 surely, 2 by seeds"
        in table.note
    )


def test_a_board_where_nothing_is_saved_without_loss_has_the_counts_all_the_same(made, tmp_path):
    for seed, right in enumerate((180, 181, 182)):
        made(seed, right=(160, right)).save(tmp_path)
        save(tmp_path, made(seed, "random", right=(160, right - 40), scale=0.125), method("random", 0.125))
    (board,) = read_boards(Store(tmp_path))[0].values()
    table = next(one for one in board.tables if one.title.startswith("More than 4 x"))
    assert table.rows == []
    assert "whole: of 1 networks 1 save as much, 0 of these within the margin by the mean" in table.note
    assert "## More than 4 x less storage and MACs for at most 0.5 points" in page(board)


def test_the_best_of_many_says_of_how_many_and_what_cannot_be_told_from_it(folder):
    (best,) = best_by_density(field(folder).peers.rows)
    assert (best.row.setup.method.name, best.among, best.alike) == ("sparse", 3, 1)
    assert best.loss.mean == pytest.approx(-1 / 600)
    (sentence,) = (one for one in field(folder).findings if "most accurate" in one)
    assert sentence.startswith(
        "At 12.5% of the weights of mlp, sparse is the most accurate of 3 methods: 90.33%, -0.17 ±"
    )
    assert "1 other cannot be told from it; the best of 3 looks better than it is." in sentence


def test_exits_are_judged_by_time_beside_macs(folder):
    (sentence,) = (one for one in field(folder).findings if one.startswith("Early exits"))
    assert "in batches of 1 they are" in sentence
    assert "in batches of 64 they are" in sentence


def test_an_independent_script_finds_the_same_in_the_raw_records(folder):
    run = subprocess.run(
        [sys.executable, SCRIPT, folder], capture_output=True, text=True, check=True, timeout=60
    )
    (found,) = json.loads(run.stdout)
    own, numbers = field(folder), count(cases(field(folder).peers.rows), "whole")
    assert found["recipe"] == 2
    assert found["networks"] == numbers.all
    assert (found["saving"], found["within"], found["cannot tell"]) == (
        numbers.saving,
        numbers.within,
        numbers.untold,
    )
    (best,) = best_by_density(own.peers.rows)
    (at,) = (one for one in found["best"] if one["of"] > 1)
    assert (at["method"], at["of"], at["alike"]) == ("sparse", best.among, best.alike)
    assert at["loss"] == pytest.approx([best.loss.mean, best.loss.half])
    ((_, median),) = re.findall(r"(take) (\d+\.\d\d) x fewer MACs", " ".join(own.findings))
    assert found["exits"]["macs"] == pytest.approx(float(median), abs=0.005)
