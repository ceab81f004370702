"""seesaw fleet, as it is typed.

Covers: bench/commands/split/fleet_asked.py, bench/commands/split/fleet_shown.py
"""

import json
import sys

import pytest

from bench import cli
from bench.commands import options
from tests.bench.crossed import made_crossings


@pytest.fixture
def type_(monkeypatch, capsys):
    """Types a command; gives exit code, stdout in one line, and stderr."""
    monkeypatch.setattr(options.out, "width", 110)

    def run_it(*words):
        monkeypatch.setattr(sys, "argv", ["seesaw", "fleet", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        printed = capsys.readouterr()
        return end.value.code or 0, " ".join(printed.out.split()), " ".join(printed.err.split())

    return run_it


@pytest.fixture
def made_run(traced, tmp_path):
    """The record of a made run, with trace and crossings."""
    made_crossings(traced(tmp_path) / "crossings.safetensors", (160, 180))
    return next((tmp_path / "records").rglob("seed0.json"))


def test_the_fewest_servers_are_named_in_a_sentence(type_, tmp_path):
    plain = ("--serves", 0.008, "--service", "exponential", "--deadline", 0.1, "--max-miss", "2%")
    code, out, err = type_(*plain, "--out", tmp_path / "fleet.json")
    assert code == 0, err
    assert "1,000 devices need 2 servers for at most 2% of answers later than 100 ms: 0.00% are, and " in out
    assert "By Erlang's formula a message waits 32 ms for 1 server in the long run (M/M/1)." in out
    assert "By Erlang's formula a message waits 1.52 ms for 2 servers in the long run (M/M/2)." in out
    (written,) = json.loads((tmp_path / "fleet.json").read_text())
    assert written["servers"] == 2
    assert [one["servers"] for one in written["tried"]] == [1, 2, None]
    assert written["tried"][0]["miss"] > 0.02 >= written["tried"][1]["miss"]
    assert written["tried"][1]["steps"]["waiting for a server"] == pytest.approx(1.52e-3, rel=0.1)


def test_where_no_number_suffices_the_longest_step_is_named(type_):
    code, out, err = type_(
        "--devices", 50, "--serves", 0.01, "--sends", 5000, "--channel", "ble", "--deadline", 0.01
    )
    assert code == 0, err
    assert "No number of servers suffices for 50 devices" in out
    assert "The longest step is sending" in out or "The longest step is waiting for the link" in out


def test_a_network_is_simulated_by_each_policy(type_, made_run, tmp_path):
    code, out, err = type_(
        "--record", made_run, "--runs", tmp_path / "runs", "--devices", 300, "--rate", 1, "--seconds", 30, "--channel",
        "constant[up=1,rtt=20]", "--channel", "lte", "--policy", "always-server", "--policy", "always-device", "--deadline", 0.5,
        "--profile", "scaled[by=20,watts=2.0]",
    )  # fmt: skip
    assert code == 0, err
    assert "300 devices, always-server need 1 server for at most 1%" in out
    assert "300 devices, always-device need no server: the devices answer all requests themselves" in out


def test_servers_that_batch_are_fewer(type_, tmp_path):
    plain = (
        "--devices",
        250,
        "--rate",
        1,
        "--seconds",
        60,
        "--serves",
        0.008,
        "--deadline",
        0.1,
        "--max-miss",
        "2%",
    )
    code, out, err = type_(*plain, "--batch", 8, "--serves-batch", 0.016, "--out", tmp_path / "fleet.json")
    assert code == 0, err
    assert "a batch" in out
    assert "250 devices need 1 server for at most 2% of answers later than 100 ms" in out
    assert "By Pollaczek" not in out  # no closed form is that of batches
    (written,) = json.loads((tmp_path / "fleet.json").read_text())
    assert 1.5 < written["tried"][0]["sent"] / written["tried"][0]["batches"] < 8
    code, out, err = type_(*plain)
    assert "250 devices need 3 servers" in out


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--serves", 0.01, "--batch", 4), "How long is a server at 4 requests together?"),
        (("--serves", 0.01, "--batch", 4, "--serves-batch", 0.005), "no fewer than --serves"),
        (("--serves", 0.01, "--wait", 0.1), "Give --batch SIZE"),
        (("--serves", 0.01, "--on", "slurm"), "shared out by Ray alone"),
        (("--serves", 0.01, "--on", "rey"), "There is no --on 'rey'"),
    ],
)
def test_options_of_batches_and_places_go_together(type_, words, error):
    code, _, err = type_(*words, "--deadline", 0.1)
    assert code == 1
    assert error in err


def test_a_server_whose_batches_nobody_timed_is_a_sentence(type_, made_run, tmp_path):
    code, _, err = type_(
        "--record",
        made_run,
        "--runs",
        tmp_path / "runs",
        "--devices",
        30,
        "--policy",
        "always-server",
        "--deadline",
        0.5,
        "--batch",
        4,
    )
    assert code == 1
    assert "seesaw profile --batches 1,4" in err


def test_numbers_of_servers_are_tried_as_they_are_given(type_):
    code, out, err = type_(
        "--devices", 100, "--rate", 1, "--serves", 0.03, "--servers", 4, "--servers", 5, "--seconds", 50
    )
    assert code == 0, err
    assert "need" not in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--deadline", 1], "What do the devices do?"),
        (["--serves", 0.01], "Give --deadline SECONDS, or say how many there are with --servers."),
        (["--serves", "inf", "--servers", 1], "no finite number"),
        (["--serves", 0.01, "--servers", 1, "--policy", "dynamic"], "Give its --record too."),
        (["--serves", 0.01, "--servers", 1, "--arrivals", "never"], "Choose poisson or periodic."),
        (["--serves", 0.01, "--servers", 1, "--service", "fast"], "Choose constant or exponential."),
        (["--serves", 0.01, "--deadline", 1, "--max-miss", "300%"], "Give one from 0% to 100%."),
        (["--serves", 0.01, "--servers", 1, "--channel", "wify"], "wifi"),
        (["--record", "x.json", "--serves", 0.01, "--servers", 1], "Leave out --computes"),
        (["--record", "x.json", "--servers", 1], "x.json"),
    ],
)
def test_what_does_not_go_together_is_a_sentence(type_, words, sentence):
    code, _, err = type_(*words)
    assert code == 1
    assert sentence in err
