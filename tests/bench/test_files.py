"""Files whole or not at all; full disks in the middle of a run are in `tests/bench/runs/test_survives.py`."""

import ast
import os
import re
import sys
from pathlib import Path

import pytest

from bench import SeesawError
from bench.files import DRAFT, cache, read_plain, sweep, writable, write_whole


def test_a_write_that_fails_leaves_the_old_file_and_no_draft(tmp_path, monkeypatch):
    path = tmp_path / "deep" / "file"
    write_whole(path, b"old", "--out")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(SeesawError, match=r"No space left on device.*or name another with --out FOLDER\."):
        write_whole(path, b"new", "--out")
    assert path.read_bytes() == b"old"
    assert [one.name for one in path.parent.iterdir()] == ["file"]


def test_only_drafts_are_swept(tmp_path):
    for name in (f".a.0123{DRAFT}", f"b{DRAFT}", ".c"):
        (tmp_path / name).touch()
    sweep(tmp_path, tmp_path / "missing")
    assert sorted(one.name for one in tmp_path.iterdir()) == [".c", f"b{DRAFT}"]


def test_a_plain_file_is_read_up_to_the_limit_and_nothing_else_is_read(tmp_path):
    (tmp_path / "file").write_bytes(b"0123456789")
    assert read_plain(tmp_path / "file", 4) == b"0123"
    (tmp_path / "link").symlink_to(tmp_path / "file")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "missing"):
        with pytest.raises(OSError, match=name if name != "pipe" else "no plain file"):
            read_plain(tmp_path / name, 4)


def test_a_folder_that_cannot_be_written_is_a_sentence_before_the_work(tmp_path):
    writable(tmp_path / "new" / "folder", "Plots", "--figures")
    assert list((tmp_path / "new" / "folder").iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(
        SeesawError, match=r"Plots cannot be written to .*or name another with --figures FOLDER\."
    ):
        writable(tmp_path / "file", "Plots", "--figures")


def test_the_cache_is_in_the_home_folder_unless_it_is_named(monkeypatch):
    monkeypatch.setenv("SEESAW_CACHE", "elsewhere")
    assert cache() == Path("elsewhere")
    monkeypatch.setenv("SEESAW_CACHE", "")
    monkeypatch.setenv("HOME", "/somebody")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert cache() == Path("/caches/seesaw")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache() == Path("/somebody/.cache/seesaw")

    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(SeesawError, match="SEESAW_CACHE=FOLDER"):
        cache()


def test_a_cache_that_others_can_write_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("SEESAW_CACHE", str(tmp_path / "mine"))
    (tmp_path / "mine").mkdir(mode=0o755)
    assert cache() == tmp_path / "mine"
    (tmp_path / "mine").chmod(0o777)
    with pytest.raises(SeesawError, match=r"Others can write to .*chmod go-w"):
        cache()


TOP = Path(__file__).parents[2]


def _by_locale(path):
    """The lines of a module that read or write text in whatever encoding the machine's locale has."""
    for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(call, ast.Call):
            continue
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        words = [
            one.value for one in call.args if isinstance(one, ast.Constant) and isinstance(one.value, str)
        ]
        given = {keyword.arg: getattr(keyword.value, "value", None) for keyword in call.keywords}
        mode = str(
            given.get("mode", next((word for word in words if re.fullmatch(r"[rwaxbt+]{1,3}", word)), "r"))
        )
        is_text = name in ("read_text", "write_text") or (
            name in ("open", "fdopen")
            and "b" not in mode
            and ast.unparse(call.func) not in OTHERS
            and _opens(call)
        )
        if is_text and "encoding" not in given:
            yield f"{path.relative_to(TOP)}:{call.lineno}: {ast.unparse(call)[:80]}"


OTHERS = {"Image.open", "os.open", "gzip.open", "tarfile.open", "archive.open", "tar.open"}
"""Calls of this name that open no text."""


def _opens(call):
    """Whether a call may open a file: a name alone, or a method with a mode or nothing."""
    return isinstance(call.func, ast.Name) or len(call.args) <= 1


def test_no_text_is_read_or_written_by_the_encoding_of_the_machines_locale():
    modules = [path for folder in ("bench", "tasks", "baselines") for path in (TOP / folder).rglob("*.py")]
    found = [
        line for path in [*modules, TOP / "install.py", TOP / "hatch_build.py"] for line in _by_locale(path)
    ]
    assert found == []


def test_text_without_an_encoding_would_be_found(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "TOP", tmp_path)
    module = tmp_path / "one.py"
    module.write_text(
        "p.read_text()\np.write_text(x)\np.open()\nopen(p, 'w')\np.open('rb')\np.read_text(encoding='utf-8')\n",
        encoding="utf-8",
    )
    assert len([*_by_locale(module)]) == 4
