"""Deployments on pages and in the terminal, from made runs that were really deployed.

Covers: bench/boards/deployments/figure.py, bench/boards/deployments/page.py, bench/boards/deployments/section.py,
    bench/boards/deployments/show.py
"""

import re
import statistics
from urllib.parse import urlencode

import pytest

from bench.boards.deployments.figure import figures
from bench.boards.deployments.read import read_deployment_boards
from bench.boards.deployments.show import PARTS, shown
from bench.boards.pages import stale, write_pages
from bench.records.store import Store

RIGHT = ((158, 178), (160, 180), (162, 182))


@pytest.fixture
def home(deployed, tmp_path):
    """Deployment records of three seeds with a modelled device, and of one of them with the measured one."""
    store = Store(tmp_path / "records", tmp_path / "runs")
    for seed, right in enumerate(RIGHT):
        store.save(deployed(tmp_path, seed, right=right))
    store.save(deployed(tmp_path, 0, right=RIGHT[0], profile="recorded"))
    return tmp_path


def board(home):
    boards, trouble = read_deployment_boards(Store(home / "records"))
    assert trouble == []
    return boards["digits-v1"]


def test_a_line_is_the_mean_over_seeds_and_the_fastest_that_keeps_the_answers_is_first(home):
    ranked, alone = board(home).sections
    assert (ranked.ranked, alone.ranked) == (True, False)
    line = next(one for one in ranked.lines if one.policy == "dynamic")
    outcomes = [next(one for one in record.outcomes if one.policy == "dynamic") for record in ranked.records]
    n = [record.requests for record in ranked.records]
    for key, values in {
        "accuracy": [one.right / count for one, count in zip(outcomes, n, strict=True)],
        "mean": [sum(one.steps) for one in outcomes],
        "95%": [one.quantiles[95] for one in outcomes],
        "bytes": [one.bytes / count for one, count in zip(outcomes, n, strict=True)],
        "compute": [one.compute / count for one, count in zip(outcomes, n, strict=True)],
    }.items():
        assert line.numbers[key].value == pytest.approx(statistics.fmean(values))
        assert line.numbers[key].half == pytest.approx(4.302653 * statistics.stdev(values) / 3**0.5, rel=1e-5)
    places = [(one.numbers["mean"].value, one.rank) for one in ranked.lines if not one.bound]
    assert places == sorted(places)
    assert places[0][1] == 1
    assert all(one.rank is None for one in ranked.lines if one.bound)
    assert all(one.rank is None for one in alone.lines)


def test_what_is_modelled_never_shares_a_table_with_what_is_measured(home):
    for section in board(home).sections:
        times = {(record.device.time, record.server.time) for record in section.records}
        assert len(times) == 1
        assert ("Modelled: times of the device" in section.about) == (times == {("modelled", "measured")})
    assert "All times are measured." in board(home).sections[1].about


def test_a_policy_that_loses_answers_or_requests_has_no_rank(deployed, tmp_path):
    store = Store(tmp_path / "records", tmp_path / "runs")
    for seed, right in enumerate(RIGHT):
        store.save(
            deployed(
                tmp_path,
                seed,
                right=right,
                channel="constant[up=0]",
                policies=("always-device", "always-server"),
            )
        )
    (section,) = board(tmp_path).sections
    assert [(one.policy, one.rank) for one in section.lines] == [
        ("always-device", 1),
        ("always-server", None),
    ]
    page = (
        write_pages(store, tmp_path / "pages")[0],
        (tmp_path / "pages" / "deploy-digits-v1.md").read_text(),
    )[1]
    assert re.search(r"\| - \| always-server \| 0.00% ± 0.00 \| never \| never", page)


def test_times_that_were_disturbed_rank_nothing(deployed, tmp_path):
    store = Store(tmp_path / "records", tmp_path / "runs")
    for seed, right in enumerate(RIGHT):
        record = deployed(tmp_path, seed, right=right)
        store.save(record.model_copy(update={"device": record.device.model_copy(update={"disturbed": True})}))
    (section,) = board(tmp_path).sections
    assert not section.ranked
    assert section.about.endswith("Some were disturbed by other programs.")


def test_pages_have_the_deployments_and_are_fresh_until_a_record_changes(home):
    store = Store(home / "records")
    written, trouble = write_pages(store, home / "pages")
    assert home / "pages" / "deploy-digits-v1.md" in written
    assert trouble == []
    page = (home / "pages" / "deploy-digits-v1.md").read_text()
    assert "# Deployments on digits-v1" in page
    assert "4 deployment records, 2 tables." in page
    assert "constant\\[up=0.2,rtt=20.0\\]" in page
    assert "best-fixed (bound)" in page
    assert stale(store, home / "pages") == ([], [])
    next((home / "deployments").rglob("seed1*.json")).unlink()
    assert {one.name for one in stale(store, home / "pages")[0]} == {"deploy-digits-v1.md", "index.html"}


def test_the_page_draws_three_figures_of_the_chosen_deployment(home, look):
    write_pages(Store(home / "records"), home / "pages")
    seen = look(home / "pages" / "index.html")
    for name in ("pareto", "distribution", "timeline"):
        assert re.search(rf'id="deployment-{name}"><svg', seen), name
    assert seen.count('class="point') >= 6
    assert re.search(r'data-deployment="1" hidden', seen)


def test_the_address_names_the_deployment_that_is_shown(home, look):
    write_pages(Store(home / "records"), home / "pages")
    index = home / "pages" / "index.html"
    (second,) = re.findall('<option value="1">(.+?)</option>', index.read_text())
    seen = look(f"{index}#{urlencode({'open': 'deployments', 'deployment': second})}")
    assert '<div data-deployment="0" hidden="">' in seen
    assert '<div data-deployment="1">' in seen


def test_a_record_is_shown_with_its_circumstances_shares_and_steps(deployed, tmp_path):
    record, store = deployed(tmp_path).sealed(), Store(tmp_path / "records", tmp_path / "runs")
    (title, _), (table, _), (costs, _), (about, _) = shown(record, store)
    assert [column.header for column in costs.columns] == ["policy", "bytes", "compute"]
    assert "constant[up=0.2,rtt=20.0]" in title
    assert table.row_count == len(record.outcomes)
    assert "late after 100 ms" in about
    for part in PARTS.values():
        ((table, _),) = part(record, store)
        assert table.row_count >= len(record.outcomes)
    forged = record.model_copy(update={"requests": record.requests + 1})
    assert list(shown(forged, store)) == []


def test_three_plots_are_written_and_the_same_again(deployed, tmp_path):
    record = deployed(tmp_path)
    paths = figures(record, tmp_path / "one")
    assert [path.name for path in paths] == ["timeline.png", "distribution.png", "pareto.png"]
    again = figures(record, tmp_path / "two")
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(paths, again, strict=True))
    assert all(len(path.read_bytes()) > 10_000 for path in paths)
