"""Pages that are made when the documentation is built, and links between those that are committed."""

import re
import subprocess
import sys

import pytest

from bench.plugins.listing import cards
from docs import outside, plugin_pages
from tests.docs.blocks import TOP, blocks, commands
from tests.docs.test_blocks import PAGES, check

LINK = re.compile(r"\]\(([^)#\s]+)")


@pytest.fixture(scope="module")
def pages():
    return plugin_pages.pages()


def test_every_method_has_a_page_with_its_paper_and_its_settings(pages):
    for card in cards("method"):
        page = pages[f"methods/{card.name}.md"]
        assert page.startswith(f"# {card.name}\n")
        assert all(f"| `{one.name}` |" in page for one in card.settings)
        if card.origin.startswith("seesaw-bench"):
            assert len(plugin_pages.source_text("method", card.name).split()) > 10
    assert 'Lee et al., "SNIP: Single-shot Network Pruning' in pages["methods/snip.md"]


def test_a_method_has_its_rows_of_the_boards(pages):
    assert "| lenet, joint, 4 epochs | snip |" in pages["methods/snip.md"]
    assert "shuffled" not in pages["methods/snip.md"].split("## On the boards")[1]
    assert "On the boards" not in pages["methods/dense.md"] or "| dense |" in pages["methods/dense.md"]


def test_commands_of_made_pages_name_what_there_is(pages):
    found = [
        words
        for text in pages.values()
        for one in blocks(TOP / "README.md", text)
        for words in commands(one.code)
    ]
    assert len(found) >= len(pages) - 2
    for words in found:
        check(words[1:])


def test_marks_of_markdown_in_a_docstring_are_shown_as_they_are():
    assert plugin_pages._plain("S = -w * H_g [1] `a|b`") == r"S = -w \* H\_g \[1\] `a&#124;b`"


def test_links_lead_to_files(pages):
    made = {TOP / "docs" / name for name in pages} | {TOP / "docs/index.md"}
    for page in PAGES:
        text = re.sub(r"```.*?```", "", page.read_text(), flags=re.S)
        for link in LINK.findall(text):
            place = (page.parent / link).resolve()
            assert link.startswith("http") or place.exists() or place in made, (
                f"{page.name}: {link} is no file"
            )


def test_the_first_page_is_the_readme_with_links_from_docs():
    text = outside.index()
    assert "](img/tradeoff.svg)" in text
    assert "](quickstart.md)" in text
    assert "](../CONTRIBUTING.md)" in text
    assert "](docs/" not in text


def test_the_pictures_are_what_the_records_give():
    done = subprocess.run(
        [sys.executable, TOP / "docs/pictures.py", "--check"],
        cwd=TOP,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
