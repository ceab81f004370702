"""Measured deployments on pages and in the terminal, never ranked, and beside no modelled ones.

Covers: bench/boards/measured/read.py, bench/boards/measured/show.py
"""

import re

import pytest

from bench.boards.deployments.read import read_deployment_boards
from bench.boards.measured.page import HEADS
from bench.boards.measured.read import read_measured_boards
from bench.boards.measured.show import shown
from bench.boards.pages import stale, write_pages
from bench.records.store import Store
from tests.bench.measured import measured


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "records", tmp_path / "runs")


@pytest.fixture
def home(traced, tmp_path, store):
    """Three measured deployments, one of them disturbed and off."""
    for number, (slower, others) in enumerate(((1.1, 0.0), (1.2, 0.0), (1.5, 1.0))):
        store.save(measured(traced, tmp_path, store, slower=slower, others=others, rate=8.0 + number))
    return tmp_path


def test_a_page_has_a_row_each_ratios_and_no_ranks(home, store):
    written, trouble = write_pages(store, home / "pages")
    assert home / "pages" / "measured-digits-v1.md" in written
    assert trouble == []
    page = (home / "pages" / "measured-digits-v1.md").read_text()
    assert "3 measured deployments." in page
    rows = [line for line in page.splitlines() if "int8" in line]
    assert [re.findall(r"\| (1\.\d{3}) \|", row)[0] for row in rows] == ["1.100", "1.200", "1.500"]
    assert [" yes " in row for row in rows] == [True, False, False]
    assert [row.startswith("| \\~") for row in rows] == [False, False, True]
    assert "rank" not in HEADS
    assert stale(store, home / "pages") == ([], [])


def test_they_stand_on_no_board_of_deployments(home, store):
    assert read_deployment_boards(store) == ({}, [])
    (section,) = read_measured_boards(store)[0]["digits-v1"].sections
    assert section.title.endswith("link by `seesaw link`")


def test_other_machines_and_other_links_are_tables_of_their_own(home, store, traced):
    record = measured(traced, home, store, rate=20.0)
    store.save(record.model_copy(update={"machine": record.machine | {"processor": "Another"}}))
    assert len(read_measured_boards(store)[0]["digits-v1"].sections) == 2


def test_the_page_in_a_browser_shows_them(home, store, look):
    write_pages(store, home / "pages")
    seen = look(home / "pages" / "index.html")
    assert "Deployments, measured" in seen
    assert seen.count('data-head="within"') == 3


def test_a_record_is_shown_with_both_halves(traced, tmp_path, store):
    record = measured(traced, tmp_path, store)
    (title, _), (table, _), (about, _) = shown(record, store)
    assert title.startswith("Measured: ")
    assert [column.header for column in table.columns] == ["to the answer", "predicted", "measured", "ratio"]
    assert "1.100" in list(table.columns[3].cells)
    assert "within 15% and 25%" in about
    assert list(shown(record.model_copy(update={"requests": record.requests + 1}), store)) == []
