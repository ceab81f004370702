"""Files whole or not at all; full disks in the middle of a run are in `tests/bench/runs/test_survives.py`."""

import os
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
