"""The boards of networks on index.html, in a browser: what is answered, by which keys, and what the address keeps."""

import re

import pytest

from bench.boards.board import read_boards
from bench.boards.pages import write_pages
from bench.boards.show.networks import about
from bench.records.store import Store
from tests.bench.browser import Browser
from tests.bench.edited import edited, slower
from tests.bench.made import named

STOPS = """[...document.querySelectorAll("a[href], button, input, select, summary, [tabindex]")]
    .filter((one) => one.tabIndex >= 0 && one.checkVisibility({ visibilityProperty: true })).length"""
"""How many elements the tab key stops at."""


@pytest.fixture(scope="module")
def browser(chromium, tmp_path_factory):
    own = Browser(chromium, tmp_path_factory.mktemp("profile"))
    yield own
    own.close()


def text(browser, element):
    return browser.run(f"document.querySelector({element!r}).innerText")


@pytest.fixture
def page(tmp_path):
    """Saves records, and gives the page of all of them."""

    def write(*records):
        for record in records:
            record.save(tmp_path / "records")
        write_pages(Store(tmp_path / "records"), tmp_path)
        return tmp_path / "index.html"

    return write


def seeds(made, *words, count=3, **more):
    """Records of some seeds, each a little better than the one before."""
    first = more.pop("right", 180)
    return [made(seed, *words, right=(150, first + seed), **more) for seed in range(count)]


def elsewhere(record):
    """The same, timed on another machine that is twenty times as slow."""
    slow = edited(record, slower(20))
    return slow.model_copy(update={"machine": {"processor": "other", "threads": 1}}).sealed()


def test_a_time_of_fewer_seeds_than_the_network_has_says_how_many(browser, page, made):
    many = [*seeds(made), *map(elsewhere, (made(3), made(4)))]
    index = page(*many)
    for machine, seen in (("made", "1 ms (n=3)"), ("other", "20 ms (n=2)")):
        browser.go(f"{index}#machine={machine},%201%20thread&open=exits")
        assert seen in text(browser, "#best")
        assert "(n=" in text(browser, "#exits table")
        assert "8 kB\t" in text(browser, "#best"), "all five seeds have their file"


def test_a_part_that_is_opened_by_its_heading_is_in_the_address(browser, page, made):
    index = page(*seeds(made), *seeds(made, "sparse", right=170, scale=0.25))
    browser.go(index)
    for part in ("compare", "References, from the dense networks"):
        browser.run(f"document.getElementById({part!r}).querySelector('summary').focus()")
        browser.press("Enter")
        browser.wait(f"new URLSearchParams(location.hash.slice(1)).get('open') === {part!r}")
    browser.press("Enter")
    browser.wait("!location.hash.includes('open')")


def test_every_question_is_a_link_that_keys_alone_follow_to_its_answer(browser, page, made):
    index = page(*seeds(made), *seeds(made, "sparse", right=170, scale=0.25))
    for place, (part, seen) in enumerate(
        {
            "take": "2 of 2 networks with three seeds or more keep the limits",
            "density": "No two methods have three seeds at one density",
            "compare": "A is more accurate.",
            "exits": "In batches of 1 exits surely save time for 0 of 2 networks",
            "training": "1.8 MMAC",
        }.items()
    ):
        browser.go(index)
        browser.press("Tab", 5 + place)  # a link to the findings, three choices, and the questions
        browser.press("Enter")
        browser.wait(f"document.getElementById({part!r}).contains(document.activeElement)")
        browser.wait(f"document.getElementById({part!r}).innerText.includes({seen!r})")


def test_a_screen_reader_finds_the_rows_by_their_networks_and_the_marks_by_their_numbers(browser, page, made):
    browser.go(f"{page(*seeds(made), *seeds(made, 'sparse', scale=0.25))}#x=macs.effective&open=training")
    tree = browser.tree()
    assert ("heading", "Seesaw leaderboards") in tree
    assert ("table", "What training costs") in tree
    assert any(role == "rowheader" and "mlp_sparse" in name for role, name in tree)
    assert any(role == "button" and re.search("mlp_dense, .*90.50%", name) for role, name in tree)
    unnamed = "[...document.querySelectorAll('select, input')].filter((one) => !one.labels.length).length"
    assert browser.run(unnamed) == 0


def test_with_every_part_open_the_tab_key_stops_less_than_a_hundred_times(browser, page, made):
    methods = [f"method{number}" for number in range(30)]
    browser.go(page(*seeds(made), *(made(0, name, scale=0.5) for name in methods)))
    browser.run("for (const part of document.querySelectorAll('details')) part.open = true")
    browser.wait("document.querySelectorAll('#all tbody tr').length > 0")
    assert 50 < browser.run(STOPS) < 100


@pytest.mark.parametrize("width", [360, 800, 1600])
def test_no_part_is_wider_than_its_screen(browser, page, made, width):
    settings = {f"setting{number}": True for number in range(8)}
    backbone = named(f"mlp[{','.join(f'{name}=true' for name in settings)}]", **settings)
    index = page(*seeds(made, backbone=backbone), *seeds(made, "sparse", scale=0.5, backbone=backbone))
    browser.go(index, width)
    browser.run("for (const part of document.querySelectorAll('details')) part.open = true")
    browser.wait("document.querySelectorAll('#all tbody tr').length > 0")
    wide = "[document.documentElement, ...document.querySelectorAll('p, li, td, th, dd')].filter((one) => one.scrollWidth > one.clientWidth + 1)"
    assert browser.run(f"{wide}.map((one) => one.textContent)") == []


def test_a_network_whose_file_and_time_are_unknown_is_neither_the_smallest_nor_the_fastest(
    browser, page, made
):
    records = seeds(made)
    for record in records:
        for exit_ in record.exits:
            for name in [one for one in exit_.readings if one.startswith(("bytes.", "latency"))]:
                del exit_.readings[name]
    meters = [
        meter for meter in records[0].setup.meters if meter.name not in ("storage", "latency", "energy")
    ]
    bare = [
        one.model_copy(update={"setup": one.setup.model_copy(update={"meters": meters})}) for one in records
    ]
    browser.go(page(*(one.model_copy(update={"digest": one.setup.digest()}).sealed() for one in bare)))
    assert "the most accurate" in text(browser, "#taken")
    assert "smallest" not in text(browser, "#taken")
    assert "fastest" not in text(browser, "#taken")
    assert "looks better than it is" not in text(browser, "#taken"), "it is the best of one"


def test_where_no_network_has_three_seeds_none_is_named_and_limits_are_not_blamed(browser, page, made):
    index = page(made(0), made(0, "sparse", scale=0.25))
    browser.go(index)
    assert "No network here has three seeds" in text(browser, "#taken")
    assert "1 seed each" in text(browser, "#about")
    (board,) = read_boards(Store(index.parent / "records"))[0].values()
    assert "2 networks, 2 records, 1 seed each" in about(board.fields[0])


def test_without_densities_the_plot_is_over_macs(browser, page, made):
    browser.go(page(*seeds(made), *seeds(made, "sparse", scale=0.25)))
    assert "by effective MACs" in text(browser, "#plot-title")
    assert browser.run("document.querySelectorAll('#tradeoff .point').length") == 2


def test_no_axis_of_shares_goes_beyond_100_percent(browser, page, made):
    browser.go(page(*seeds(made)))
    plot = """new Plot(document.createElement("div"), "", { title: "", unit: "s" }, { title: "", unit: "share" },
        [[1, 0.5], [2, 0.99]], 300)"""
    assert browser.run(f"{plot}.y.high") == 1
    assert browser.run(f"{plot}.x.high") > 2


def test_an_order_that_does_not_exist_gives_way_to_the_usual_one(browser, page, made):
    index = page(*seeds(made), *seeds(made, "sparse", scale=0.25))
    for word in ("nothing", "constructor"):
        browser.go(f"{index}#order={word}&open=all")
        assert browser.run("document.querySelectorAll('#all tbody tr').length") == 2
        assert browser.run("document.getElementById('order').value") == "top1"


def test_one_network_is_shown_with_its_numbers_and_what_its_training_cost(browser, page, made):
    browser.go(f"{page(*seeds(made), *seeds(made, 'sparse', scale=0.25))}#open=one")
    facts = text(browser, "#facts")
    assert "8 kB" in facts
    assert "1 ms" in facts
    assert "3 kMAC" in facts
    assert (
        "1.8 MMAC; 1.00 ± 0.00 x the time of the dense network's, 1.00 ± 0.00 x the recipe's steps" in facts
    )


def test_a_contested_record_is_named_with_what_to_do(browser, page, made, tmp_path):
    index = page(*seeds(made), *seeds(made, "sparse", scale=0.25))
    (path,) = (tmp_path / "records").glob("*/mlp_sparse-*/seed1.json")
    path.with_suffix(".contested").write_text("The machine was hot.")
    remarks = []
    write_pages(Store(tmp_path / "records"), tmp_path, remarks.append)
    assert len(remarks) == 1
    assert remarks[0].startswith(
        "1 file is contested, and its numbers count nowhere; why stands under 'Contested' at the end of"
    )
    assert f"`seesaw verify {tmp_path}` names it: run it again with --again, or remove it." in remarks[0]
    browser.go(f"{index}#open=Contested%20records")
    seen = text(browser, "#tables")
    assert "mlp_sparse, seed 1" in seen
    assert "The machine was hot." in seen
    assert "seesaw verify" in seen
    assert "seesaw verify" in (tmp_path / "digits-v1.md").read_text()
