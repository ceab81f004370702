"""Blocks of the page's data: files beside it, which it loads when they are asked for, and none that is not its own."""

import json
import re

import pytest

from bench.boards.markup import Chapter
from bench.boards.pages import files, write_pages
from bench.boards.show.html import HOME, index
from bench.records.store import Store


@pytest.fixture
def pages(made, tmp_path):
    """The pages of three seeds of a dense network and a sparse one."""
    for seed in range(3):
        made(seed).save(tmp_path / "records")
        made(seed, "sparse", scale=0.25).save(tmp_path / "records")
    write_pages(Store(tmp_path / "records"), tmp_path / "pages")
    return tmp_path / "pages"


def values_in(text):
    """The name, the stamp and the values that a block's script hands over."""
    name, stamp, quoted = re.fullmatch(
        r"take\(\"([a-z0-9-]+)\",\"([0-9a-f]{12})\",'(.*)'\);\n", text
    ).groups()
    return name, stamp, json.loads(re.sub(r"\\(.)", r"\1", quoted))


def test_a_block_holds_its_values_whatever_they_are():
    values = {"__proto__": ["it's", 'a "word"', "\\", "</script>", "\u00b5", "new\nline"], "n": [0.1, None]}
    chapter = Chapter("records", HOME / "networks", (), {"boards": {}}, {}, {"one-rows-0": values})
    written = index([chapter])
    assert list(written) == ["index.html", "index/one-rows-0.js"]
    name, stamp, found = values_in(written["index/one-rows-0.js"])
    assert (name, found) == ("one-rows-0", values)
    assert f'"blocks":{{"one-rows-0":"{stamp}"}}' in written["index.html"]


def test_the_page_itself_holds_no_row(pages):
    (name, _, rows) = values_in((pages / "index" / "digits-v1-rows-0.js").read_text())
    assert name == "digits-v1-rows-0"
    assert [row["method"] for row in rows] == ["dense", "sparse"]
    assert '"exits":' not in (pages / "index.html").read_text()


def test_one_network_is_loaded_when_it_is_asked_for(look, pages):
    seen = look(f"{pages / 'index.html'}#open=one")
    facts = seen[seen.index('id="facts"') :]
    assert "<dt>recipe</dt>" in facts
    assert "epochs 2" in facts
    assert '<p id="missing" role="alert" hidden="">' in seen


def test_a_page_without_its_folder_says_so_and_still_tells_what_was_found(look, pages):
    for path in (pages / "index").iterdir():
        path.unlink()
    seen = look(pages / "index.html")
    assert "index/digits-v1-rows-0.js is not here or cannot be read. Keep the folder" in seen
    assert "smaller network" in seen[seen.index('id="sentences"') :]


def test_a_block_of_another_time_is_not_taken(look, pages):
    path = pages / "index" / "digits-v1-rows-0.js"
    path.write_text(path.read_text().replace('-rows-0","', '-rows-0","0', 1))
    seen = look(pages / "index.html")
    assert "index/digits-v1-rows-0.js is of another time than this page." in seen


def test_rows_that_are_far_down_are_in_blocks_of_their_own(made, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.boards.show.networks.CHUNK", 1)
    made(0).save(tmp_path)
    made(0, "sparse", scale=0.25).save(tmp_path)
    written, _ = files(Store(tmp_path))
    assert {"index/digits-v1-more-0-0.js", "index/digits-v1-more-0-1.js"} <= written.keys()
    assert '"chunk":1,' in written["index.html"].decode()
