"""The boards of networks on index.html, in a browser: what is answered, by which keys, and what the address keeps."""

import pytest

from bench.boards.pages import write_pages
from bench.records.store import Store
from tests.bench.browser import Browser
from tests.bench.edited import edited, slower


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


def test_an_order_that_does_not_exist_gives_way_to_the_usual_one(browser, page, made):
    index = page(*seeds(made), *seeds(made, "sparse", scale=0.25))
    for word in ("nothing", "constructor"):
        browser.go(f"{index}#order={word}&open=all")
        assert browser.run("document.querySelectorAll('#all tbody tr').length") == 2
        assert browser.run("document.getElementById('order').value") == "top1"


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
