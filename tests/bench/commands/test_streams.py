"""seesaw show, diff and verify of stream records, as they are typed.

Covers: bench/boards/streams/show.py
"""

import json
import re
import sys

import pytest

from bench import cli
from bench.commands import options
from bench.records.sealed import checksum
from bench.records.store import Store
from bench.records.stream import StreamRecord
from tests.bench.edited import values_of


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


@pytest.fixture
def kept(streamed, tmp_path):
    """Writes stream records where they belong."""

    def keep(seed=0, **settings):
        one = streamed(tmp_path, seed, **({"policies": ("splitee", "i-splitee", "best-fixed")} | settings))
        return one.write(one.path(Store(tmp_path / "records").folder(StreamRecord)))

    return keep


def test_show_prints_a_stream_record_as_its_board_does(type_, kept):
    path = kept()
    code, out, err = type_("show", path)
    assert code == 0, err
    for words in (
        "mlp_dense, joint, 2 epochs, alpha 0.7", "mlp_dense, joint, 2 epochs, alpha 0.5", "1 seed, unranked; 2 exits",
        "SplitEE's claim (more than 50% less cost", "(a) all layers", "best-fixed (bound)", "2.000 λ", "90.00%",
        f"Stream record: {path}",
    ):  # fmt: skip
        assert words in out
    assert "Not to be believed" not in out
    path.with_suffix(".contested").write_text("Bob's matrix.")
    assert "Not to be believed: Bob's matrix." in type_("show", path)[1]


def test_show_makes_no_table_of_numbers_that_contradict_each_other(type_, kept):
    path = kept()
    values = values_of(path)
    values["results"] = values["results"][1:]
    path.write_text(json.dumps(values))
    code, out, _ = type_("show", path)
    assert code == 0
    assert "Not to be believed: Its checksum" in out
    assert "splitee" not in out


def test_show_holds_it_against_the_record_of_its_run_beside_it(type_, kept, made, tmp_path):
    path = kept()
    made(0, right=(150, 180)).save(tmp_path / "records")
    assert "Not to be believed: It says that the exits are right about" in type_("show", path)[1]


def test_diff_shows_what_was_asked_otherwise_and_what_came_of_it(type_, kept):
    one, other = kept(), kept(order_seed=4, policies=("splitee", "best-fixed"))
    code, out, err = type_("diff", one, other)
    assert code == 0, err
    assert "more numbers differ: --all shows them." in out
    _, out, _ = type_("diff", one, other, "--all")
    assert "--all" not in out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "order_seed 0 4" in lines
    assert any(line.startswith("entrants.i-splitee.settings.c 1.0 -") for line in lines)
    assert any(
        line.startswith("splitee, alpha 0.7, layer 0.1, offload 0.1, mu 1: cost 0.1") for line in lines
    )
    assert not any(line.startswith("best-fixed, alpha 0.7") for line in lines)
    code, out, _ = type_("diff", one, one)
    assert "Settings, machine and versions are the same." in out
    assert "All numbers are the same." in out


def test_a_record_of_a_run_and_one_of_a_stream_are_not_compared(type_, kept, tmp_path):
    path = kept()
    (run,) = (tmp_path / "records").glob("*/*/seed0.json")
    code, _, err = type_("diff", run, path)
    assert code == 1
    assert f"{run} is a record and {path} a stream record. Give two" in " ".join(err.split())


def test_verify_recognises_a_stream_record_by_its_content(type_, kept, tmp_path):
    renamed = kept().rename(tmp_path / "seed0.json")
    code, out, err = type_("verify", renamed, "--records", tmp_path / "records")
    assert code == 0, err
    assert "what other files say of it hold" in out


def test_verify_replays_it_from_the_traces_of_its_runs_and_finds_a_number_that_was_changed(
    type_, kept, tmp_path
):
    path = kept()
    words = ("--records", tmp_path / "records", "--runs", tmp_path / "runs", "--rerun")
    code, out, err = type_("verify", path, *words)
    assert code == 0, err
    assert "Made again, every number lies within its spread." in out
    values = values_of(path)
    values["results"][2]["regret"][1] += 0.5
    values["checksum"] = checksum(values)
    path.write_text(json.dumps(values))
    assert type_("verify", path, *words[:2])[0] == 0  # no other number implies regret
    code, out, err = type_("verify", path, *words)
    assert code == 1
    assert "splitee, alpha 0.7, layer 0.1, offload 0.1, mu 1: regret" in out
    assert re.search(r"1 of [\d,]+ numbers contradict", err)


def test_without_its_traces_verify_says_where_they_should_be(type_, kept, tmp_path):
    words = ("--records", tmp_path / "records", "--runs", tmp_path / "nowhere", "--rerun")
    code, _, err = type_("verify", kept(), *words)
    assert code == 1
    assert "there is no" in err
    assert (
        "test.safetensors. Run the network again (seesaw run), or name the folder where it was run: --runs."
        in err
    )
