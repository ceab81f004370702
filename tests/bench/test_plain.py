"""What strangers write into records comes to a terminal, a log or a page as text alone.

Covers: bench/boards/markup.py
"""

import io
import json
import logging
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from rich.progress import Progress, TextColumn
from rich.table import Table
from rich.text import Text
from typer.testing import CliRunner

from bench.boards.markup import text
from bench.boards.pages import write_pages
from bench.cli import app
from bench.plain import PlainConsole, log, plain
from bench.records.record import Record
from bench.records.sealed import checksum
from bench.records.store import Store

HOSTILE = "\x1b[31m\x1b]8;;http://x\x07\x9b2J\u202eevil\u2066\u200b\r\x08[red]\n# head | <b>"


def obeyed(words):
    return {letter for letter in words if letter not in "\n\t" and unicodedata.category(letter)[0] == "C"}


@given(st.text())
def test_nothing_that_is_obeyed_is_left_and_signs_stay(words):
    assert not obeyed(plain(words))
    assert not obeyed(text(words))
    assert "\n" not in text(words)
    if words.isprintable():
        assert plain(words) == words


def test_a_console_prints_texts_as_texts_wherever_they_stand():
    file = io.StringIO()
    console = PlainConsole(file=file, width=200, force_terminal=True, color_system=None)
    table = Table(HOSTILE, title=HOSTILE, caption=HOSTILE)
    table.add_row(HOSTILE)
    table.add_row(Text(HOSTILE))
    with Progress(TextColumn("{task.description}"), console=console) as progress:
        progress.add_task(HOSTILE)
    console.print(HOSTILE, table, Text(HOSTILE), style="bold")
    words = file.getvalue()
    assert "\x1b[31m" not in words
    assert "\x1b]8" not in words
    assert not obeyed(words) - {"\x1b", "\r"}  # of the bar that is drawn over
    assert words.count(r"\x1b[31m") >= 6
    assert "[red]" in words


def test_a_log_line_is_one_line(caplog):
    with caplog.at_level(logging.WARNING, logger="seesaw"):
        log.warning("Left out: %s", HOSTILE)
    assert not obeyed(caplog.messages[0])
    assert "\n" not in caplog.messages[0]


def poisoned(record):
    """The record with a hostile end at every text, and in every key, that its schema allows."""
    whole = json.loads(record.model_dump_json())

    def places(value, path=()):
        if isinstance(value, dict):
            for key, one in value.items():
                yield from places(one, (*path, key))
                yield path, key, None
        elif isinstance(value, list):
            for number, one in enumerate(value):
                yield from places(one, (*path, number))
        elif isinstance(value, str):
            yield path[:-1], path[-1], value + HOSTILE

    count = 0
    for path, key, value in list(places(whole)):
        holder = whole
        for step in path:
            if (holder := holder.get(step) if isinstance(holder, dict) else holder[step]) is None:
                break
        if holder is None or (isinstance(holder, dict) and key not in holder):
            continue
        before = holder.copy()
        if value is None:
            holder[key + HOSTILE] = holder.pop(key)
        else:
            holder[key] = value
        try:
            if (path, key) == ((), "digest") or (key in ("task", "name") and value is None):
                raise ValueError
            Record.model_validate(whole)
            count += 1
        except (ValidationError, ValueError):
            holder.clear()
            holder.update(before) if isinstance(holder, dict) else holder.extend(before)
    assert count > 40
    forged = Record.model_validate(whole)
    forged = forged.model_copy(update={"digest": forged.setup.digest()})
    return forged.model_copy(update={"checksum": checksum(forged.model_dump(mode="json"))})


@pytest.fixture
def hostile(made, tmp_path):
    store = Store(tmp_path / "leaderboards" / "records")
    made().save(store.records)
    record = poisoned(made(method="sparse"))
    path = store.save(record)
    path.with_suffix(".contested").write_text(HOSTILE)
    light = made(1, "pruned")
    changed = {
        "machine": {"processor": HOSTILE},
        "notes": {HOSTILE: HOSTILE},
        "commit": HOSTILE,
        "absent": {"energy": HOSTILE},
    }
    store.save(light.model_copy(update=changed).sealed())
    return store, path


def test_no_page_holds_what_is_obeyed(hostile, tmp_path):
    written, _ = write_pages(hostile[0], tmp_path / "pages")
    assert written
    for path in (one for one in (tmp_path / "pages").rglob("*.*") if one.suffix != ".parquet"):
        words = path.read_text(encoding="utf-8")
        assert not obeyed(words), path
        assert "evil<b>" not in words
        assert path.suffix != ".md" or "\n# head" not in words
    page = (tmp_path / "pages" / "index.html").read_text()
    assert r"\\u202eevil" in page  # in the script's data
    assert r"2J\u202eevil" in page


@pytest.mark.parametrize("command", ["show", "verify", "diff", "board"])
def test_no_command_prints_what_is_obeyed(hostile, command, caplog):
    store, path = hostile
    others = sorted(store.records.glob("*/*/seed*.json"))
    words = {
        "show": [path],
        "verify": [path],
        "diff": [path, others[0]],
        "board": ["--records", store.records],
    }[command]
    try:
        result = CliRunner().invoke(app, [command, *map(str, words)])
    finally:
        assert not any(obeyed(line) for line in caplog.messages)
    assert "evil" in result.output
    assert not obeyed(result.output), obeyed(result.output)
