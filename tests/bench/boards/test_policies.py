import json
import re
from dataclasses import replace

import pytest

from bench.boards.board import Board, Line, read_boards
from bench.boards.data import more_data
from bench.boards.policies import curve_rows
from bench.boards.show.markdown import page
from bench.records.curve import Counts, Curve
from bench.records.reading import Reading
from bench.records.record import Walked
from bench.records.store import Store
from tests.bench.edited import aged, edited
from tests.bench.made import named

COSTS = [1000.0, 3000.0]


def curve(policy, *points, reference=False):
    """A curve of version 2 over 200 test samples: how many leave early and how many are right, here and on calibration."""
    counts = [
        Counts(left=[[early, 200 - early] for early, *_ in points], right=[point[n] for point in points])
        for n in (1, 2)
    ]
    return Curve(
        policy=policy, reference=reference, costs=COSTS, test=counts[0],
        calibration=None if reference else counts[1],
    )  # fmt: skip


@pytest.fixture
def board(made, tmp_path):
    """Two seeds: one of version 1, with `fixed` alone, and one with more policies, in another order."""
    edited(made(0), aged()).save(tmp_path)
    more = [
        curve("gates", (0, 180, 180), (100, 186, 184), (200, 160, 150)),
        curve("oracle", (150, 195, 0), reference=True),
        curve("fixed", (0, 180, 180), (200, 160, 150)),
    ]
    policies = [named(curve.policy) for curve in more]
    edited(made(1, policies=policies), _with(more)).save(tmp_path)
    (row,) = read_boards(Store(tmp_path))[0]["digits-v1"].rows
    return row


def _with(curves):
    """The curves in a record's JSON, whose exits then disagree more often, and were calibrated with 200 samples."""

    def change(values):
        values["curves"] = [curve.model_dump() for curve in curves]
        first, last = (exit_["readings"] for exit_ in values["exits"])
        for readings in (first, values["net"]):
            readings["overthinking"]["value"], readings["underthinking"]["value"] = 15 / 200, 35 / 200
        for readings, right in ((first, 150), (last, 180)):
            readings["calibration.top1"].update(value=right / 200, n=200)

    return change


def test_means_are_of_the_seeds_that_have_the_policy_whatever_its_place(board):
    by_policy = {one.policy: one for one in curve_rows(board)}
    assert list(by_policy) == ["fixed", "gates", "oracle"]
    assert [mean and mean.n for mean in by_policy["fixed"].at] == [None, 2, 2]
    assert by_policy["gates"].area.n == 1


def test_what_curves_come_to_is_the_hand_count(board):
    by_policy = {one.policy: one for one in curve_rows(board)}
    fixed, gates, oracle = by_policy["fixed"], by_policy["gates"], by_policy["oracle"]
    assert fixed.at[1].value == pytest.approx(0.8 + 0.1 * 500 / 2000)
    assert fixed.area.value == pytest.approx(2000 * 0.85 / 3000)
    assert fixed.exit.value == pytest.approx(0.25)
    assert gates.at[1].value == pytest.approx((0.8 + 0.93) / 2)
    assert gates.at[2].value == pytest.approx(
        0.93
    )  # the whole network is worse on calibration, so it is not chosen
    assert gates.area.value == pytest.approx((1000 * (0.8 + 0.93) / 2 + 1000 * 0.93) / 3000)
    assert oracle.at[0] is None
    assert oracle.at[1].value == 0.975
    assert oracle.area is None


def test_where_it_would_be_shipped_macs_and_times_are_how_many_times_less(board):
    def walk(policy, batch, latency):
        seconds = {"latency": latency} | ({} if policy is None else {"routing": latency / 10})
        readings = {name: Reading(value=one, unit="s", source="clock") for name, one in seconds.items()}
        return Walked(policy=policy, point=1, batch=batch, left=[4, 4], moved=0, readings=readings)

    walks = [walk(None, 1, 3e-3), walk("gates", 1, 2e-3), walk(None, 8, 3e-3), walk("gates", 8, 6e-3)]
    board.records[1] = replace(board.records[1], walks=tuple(walks))
    gates = next(one for one in curve_rows(board) if one.policy == "gates")
    assert gates.shipped.value == 0.93
    assert gates.macs.value == 1.5
    assert [mean and mean.value for mean in gates.times] == [1.5, 0.5, None]
    assert next(one for one in curve_rows(board) if one.policy == "oracle").shipped is None
    assert "| 1.50 x | 1.50 x | 0.50 x | |" in " ".join(page(Board.of("digits-v1", [board])).split())


def test_the_page_and_the_plot_show_them(board):
    text = page(Board.of("digits-v1", [board]))
    line = next(
        line for line in text.splitlines() if line.startswith("| mlp\\_dense") and "| gates |" in line
    )
    assert re.findall(r"\d+\.\d+%", line) == ["86.50%", "93.00%", "59.83%", "93.00%"]
    assert re.findall(r"\d+\.\d+ x", line) == ["1.50 x"]
    assert "oracle (sees labels)" in text
    by_policy = {one["policy"]: one for one in more_data(Line(board, None))["policies"]}
    assert json.loads(json.dumps(by_policy["gates"]["at"]))[2] == [0.93, None]
    assert by_policy["gates"]["points"][-1][1:] == [[2000.0, None], [0.93, None]]


def test_a_network_of_one_exit_has_no_policies_to_compare(made, tmp_path):
    one = made(0)
    one = one.model_copy(update={"exits": one.exits[1:], "curves": []})
    one.save(tmp_path)
    (row,) = read_boards(Store(tmp_path))[0]["digits-v1"].rows
    assert curve_rows(row) == []
    assert "## Policies" not in page(Board.of("digits-v1", [row]))
