"""How far a method goes within half a point, against boards whose answers are known by construction."""

from dataclasses import replace

import pytest

from bench.boards.board import read_boards
from bench.boards.headline import Case
from bench.boards.margin import device_savings, savings, within
from bench.records.setup import Named
from bench.records.store import Store

DENSE = (160, 180)


def method(density):
    return Named(
        name="sparse",
        origin="seesaw-bench 1",
        settings={"density": density},
        spec=f"sparse[density={density}]",
    )


@pytest.fixture
def board(made, tmp_path):
    """Dense at 80% and 90%; sparse at four densities, of which the third loses a whole point at its first exit."""
    for seed in range(3):
        made(seed, right=DENSE).save(tmp_path)
        for density, right in {
            0.5: (161, 180),
            0.25: (159, 181),
            0.125: (158, 182),
            0.06: (160, 180),
        }.items():
            record = made(seed, "sparse", right, scale=density)
            setup = record.setup.model_copy(update={"method": method(density)})
            record.model_copy(update={"setup": setup, "digest": setup.digest()}).save(tmp_path)
    return read_boards(Store(tmp_path))[0]["digits-v1"].rows


def density(case):
    return case.row.setup.method.settings["density"]


def test_the_last_density_before_any_exit_loses_more_counts(board):
    (one,) = savings(board)
    assert one.method == "sparse"
    assert [density(case) for case in (one.sure, one.best, one.worse)] == [0.25, 0.25, 0.125]
    assert one.best.worst_exit.mean == pytest.approx(-0.005)
    assert one.worse.worst_exit.mean == pytest.approx(-0.01)


def test_seeds_that_differ_cannot_tell_what_their_mean_is_within(made, tmp_path):
    for seed, right in enumerate((170, 180, 190)):
        made(seed, right=DENSE).save(tmp_path)
        record = made(seed, "sparse", (160, right), scale=0.5)
        setup = record.setup.model_copy(update={"method": method(0.5)})
        record.model_copy(update={"setup": setup, "digest": setup.digest()}).save(tmp_path)
    (one,) = savings(read_boards(Store(tmp_path))[0]["digits-v1"].rows)
    assert (one.sure, one.worse) == (None, None)
    assert density(one.best) == 0.5
    (cells,) = within([one.best.row]).rows
    assert cells[2:5] == ["none", "0.5", "none"]


def test_savings_are_those_of_the_whole_of_the_worst_exit_and_of_the_device(board):
    (one,) = savings(board)
    for part in ("whole", "exits", "device"):
        assert one.best.saving(part) == (pytest.approx(4), pytest.approx(4))
    ((cut, packed, macs),) = device_savings(one.best.row)
    assert (cut, packed, macs) == (1, pytest.approx(4), pytest.approx(4))
    (cells,) = within(board).rows
    assert cells[2:7] == ["0.25", "0.25", "0.125", "3", "+0.50 ± 0.00 points"]


def test_where_the_devices_part_was_never_packed_its_macs_stand_alone(board):
    (one,) = savings(board)
    entries = [replace(entry, file=_unpacked(entry.file)) for entry in one.best.row.entries]
    row = replace(one.best.row, entries=tuple(entries))
    assert device_savings(row) == [(1, None, pytest.approx(4))]
    assert Case(row).saving("device") == (None, pytest.approx(4))
    assert not Case(row).saves("device")


def _unpacked(extract):
    """The same without the bytes of the device's part of the inner cut."""
    first, inner, last = extract.cuts
    readings = {name: one for name, one in inner.readings.items() if not name.startswith("bytes.")}
    return replace(extract, cuts=(first, inner._replace(readings=readings), last))


def test_without_a_dense_parent_there_is_nothing_to_compare_with(board):
    assert savings(rows_without_parent(board)) == []


def rows_without_parent(board):
    return [type(row)(row.entries) for row in board]
