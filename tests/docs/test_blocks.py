"""Every block of README.md and docs/ is run, page by page, or its commands are checked where a comment says why it is not.

A text behind a block that was run must be what it printed, unless a comment says why it is not compared.
`SEESAW_DOCS=write` writes such texts anew. The digits are trained for one epoch instead of thirty, and runs measure less.
"""

import contextlib
import io
import os
import shutil
import sys
from glob import glob
from pathlib import Path

import pytest
import typer

from bench import cli
from bench.commands import options
from bench.errors import SeesawError
from bench.plugins.listing import cards
from bench.plugins.plugin import entries
from bench.plugins.spec import parse, split_model
from tests.docs.blocks import TOP, blocks, commands, seesaw_words

PAGES = [TOP / "README.md", *sorted((TOP / "docs").glob("*.md"))]
OTHERS = {"git", "cd", "pip", "wandb", "source", "export", "ray"}
"""Programs of others that pages name; they are never run."""
KIND_OF = {
    "task": "task", "exits": "exits", "policies": "policy", "policy": "policy", "codecs": "codec", "meters": "meter",
    "backbones": "backbone", "methods": "method",
}  # fmt: skip
"""Options whose values are specs, and the kind of these."""
DEPLOYED = {"policy": "split", "channel": "channel", "profile": "profile", "server": "profile"}
"""Those of `seesaw deploy` and `fleet`; a profile may also be a file."""
LESS = {"--policies": "confidence", "--meters": "macs,storage"}
"""What runs measure here, where a page asks for nothing else."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder like a checkout, with copies of some records, in which commands run with a short training of digits."""
    from tasks.digits import Digits

    records = TOP / "leaderboards/records"
    for name in ("digits-v1", "sst2-v1"):
        shutil.copytree(records / name, tmp_path / "leaderboards/records" / name)
    for name in ("fashion-mnist-v1", "mnist-v1"):
        (tmp_path / "leaderboards/records" / name).symlink_to(records / name)
    shutil.copytree(TOP / "leaderboards/streams", tmp_path / "leaderboards/streams")
    about = Digits.about

    def short(self):
        found = about(self)
        return type(found)(found.classes, found.sample, found.recipe.model_copy(update={"epochs": 1}))

    monkeypatch.setattr(Digits, "about", short)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(options.out, "width", 100)
    return tmp_path


def typed(words, monkeypatch):
    """Run `seesaw ...` in this process."""
    words = [path for word in words for path in (sorted(glob(word)) if "*" in word else None) or [word]]
    if words[0] == "run":
        words += [word for pair in LESS.items() if pair[0] not in words for word in pair]
    monkeypatch.setattr(sys, "argv", ["seesaw", *words])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert not end.value.code, f"seesaw {' '.join(words)} ended with {end.value.code}"


def check(words):
    """Check a command without running it: its options, and the names of plugins and of their settings."""
    group = typer.main.get_command(cli.app)
    name, *rest = words
    assert name in group.commands, f"seesaw has no command {name!r}"
    found = group.commands[name].make_context(name, rest).params
    for option, kind in (KIND_OF | DEPLOYED if name in ("deploy", "fleet") else KIND_OF).items():
        value = found.get(option)
        for spec in value if isinstance(value, list | tuple) else options.words(value or ""):
            if not spec.endswith(".json"):
                named(kind, spec)
    if name in ("run", "pack") and (model := found.get("model", found.get("what"))) and ".json" not in model:
        backbone, method = split_model(model, entries("backbone"))
        named("backbone", backbone)
        named("method", method or "dense")


def named(kind, text):
    """A spec names an announced plugin, or a draft, and settings that it has."""
    spec = parse(text)
    if ":" in spec.name:
        return
    (card,) = [one for one in cards(kind) if one.name == spec.name] or [None]
    assert card is not None, f"no {kind} is called {spec.name!r}"
    assert set(spec.settings) <= {one.name for one in card.settings}, f"{text}: no such setting"


def check_shell(block):
    for words in commands(block.code):
        program, found = words[0], seesaw_words(words)
        for one in found:
            check(one)
        known = found or program in {*OTHERS, "make"} or (program == "python" and (TOP / words[1]).is_file())
        assert known, f"{block.place}: nobody knows {program!r}"


def run_shell(block, monkeypatch):
    for words in commands(block.code):
        found = seesaw_words(words)
        assert found, (
            f"{block.place}: {' '.join(words)} is not run by this test. Mark the block: <!-- not run: REASON -->"
        )
        for one in found:
            typed(one, monkeypatch)


def printed(block, monkeypatch, names):
    """Run a block; gives what it printed, without spaces at the ends of lines."""
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        if block.language == "python":
            exec(compile(block.code, block.place, "exec"), names)
        else:
            run_shell(block, monkeypatch)
    return "\n".join(line.rstrip() for line in stream.getvalue().strip("\n").splitlines()) + "\n"


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(TOP)) for page in PAGES])
def test_every_block_is_run_or_checked(page, folder, monkeypatch):
    output, texts, names = None, [], {"__name__": "page"}
    for block in blocks(page):
        if block.language == "text":
            if output is not None and "not compared" not in block.notes:
                texts.append((block, output))
            output = None
        elif "file" in block.notes:
            Path(block.notes["file"]).write_text(block.code)
        elif block.language in ("sh", "python") and "not run" in block.notes:
            check_shell(block) if block.language == "sh" else compile(block.code, block.place, "exec")
            output = None
        elif block.language in ("sh", "python"):
            output = printed(block, monkeypatch, names)
    if os.environ.get("SEESAW_DOCS") == "write":
        text = page.read_text()
        for block, output in reversed(texts):
            text = text[: block.span[0]] + output + text[block.span[1] :]
        page.write_text(text)
    else:
        for block, output in texts:
            assert block.code == output, f"{block.place}: write it anew: SEESAW_DOCS=write pytest tests/docs"


@pytest.mark.parametrize(
    "words", [["run", "--modle", "mlp"], ["run", "--model", "mpl"], ["run", "--exits", "joint[att=0]"]]
)
def test_a_wrong_option_name_or_setting_in_a_block_that_is_not_run_is_found(words):
    with pytest.raises((AssertionError, SeesawError, Exception), match=r"modle|mpl|no such setting"):
        check(words)


def test_blocks_are_found_with_their_comments_and_places():
    text = "# A\n\n<!-- not run: why -->\n```sh\nseesaw list\n```\n\n```python\n1\n```\n"
    one, two = blocks(TOP / "README.md", text)
    assert (one.notes, one.line, one.code) == ({"not run": "why"}, 5, "seesaw list\n")
    assert (two.notes, two.language) == ({}, "python")


def test_what_make_runs_is_asked_of_make():
    ((command, *rest),) = seesaw_words(["make", "bench", "TASK=mnist", "EPOCHS=3"])
    assert command == "run"
    assert rest[:2] == ["--task", "mnist"]
    assert rest[-2:] == ["--epochs", "3"]


def test_the_readme_is_one_page():
    assert len((TOP / "README.md").read_text().splitlines()) <= 125
