import json
import sys

import pytest

from bench import cli
from bench.commands import options
from bench.records.record import load


@pytest.fixture
def type_(monkeypatch, capsys):
    """Types a command; gives exit code, stdout and stderr."""
    monkeypatch.setattr(options.out, "width", 160)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["seesaw", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        printed = capsys.readouterr()
        return end.value.code or 0, printed.out, printed.err

    return run


def test_upgrade_makes_plain_files_short_and_leaves_their_seals(type_, made, tmp_path):
    record = made().sealed()
    plain = tmp_path / "a" / "b" / "seed0.json"
    plain.parent.mkdir(parents=True)
    plain.write_text(record.model_dump_json(indent=1))
    code, out, err = type_("upgrade", tmp_path)
    assert code == 0, err
    assert (
        f"1 file of 1 rewritten: {len(record.model_dump_json(indent=1)):,} bytes became {plain.stat().st_size:,}."
        in out
    )
    assert load(plain) == record
    assert "0 files of 1 rewritten" in type_("upgrade", tmp_path)[1]


def test_upgrade_leaves_a_file_that_was_changed_by_hand_and_says_so(type_, made, tmp_path):
    path = tmp_path / "seed0.json"
    path.write_text(json.dumps(json.loads(made().sealed().model_dump_json()) | {"budget": 7.0}))
    before = path.read_text()
    code, _, err = type_("upgrade", path)
    assert code == 1
    assert "changed after it was written" in err
    assert path.read_text() == before


def test_show_prints_every_value_as_plain_json(type_, made, tmp_path):
    record = made().sealed()
    code, out, err = type_("show", record.save(tmp_path), "--json")
    assert code == 0, err
    assert json.loads(out) == json.loads(record.model_dump_json())
