import pytest
from typer.testing import CliRunner

from bench import SeesawError
from bench.cli import app
from bench.commands import options
from tests.bench.edited import edited, set_


@pytest.fixture
def type_(monkeypatch):
    monkeypatch.setattr(options.out, "width", 160)
    return lambda *words: (
        CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False).output
    )


def test_verify_takes_folders_and_files_and_shows_those_at_fault(type_, made, tmp_path, monkeypatch):
    monkeypatch.setenv("SEESAW_RECORDS", str(tmp_path / "records"))
    for seed in range(3):
        made(seed).save(tmp_path / "records")
    assert "3 files: schemas, digests" in type_("verify", tmp_path)
    other = edited(made(3), set_("curves", 0, "reference", value=True)).save(tmp_path / "more")
    result = CliRunner().invoke(app, ["verify", str(tmp_path / "records"), str(other)])
    assert "fixed is no bound, and its curve" in " ".join(result.output.split())
    assert str(result.exception).startswith(
        "1 of 4 files are not to be believed. Check one of them by itself"
    )


def test_verify_runs_one_file_again_at_a_time(type_, made, tmp_path):
    paths = [made(seed).save(tmp_path) for seed in range(2)]
    with pytest.raises(SeesawError, match="2 files cannot be run again at once"):
        type_("verify", *paths, "--rerun")
