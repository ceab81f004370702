import json

import pytest

from bench import SeesawError
from bench.record import Record
from bench.streams.real import depths_of, named, sends_of


@pytest.fixture
def run(traced, tmp_path):
    """Saves a run whose last exit takes four times as long as its first, with some readings changed."""

    def save(change=lambda told: None):
        folder = traced(tmp_path)
        (path,) = (tmp_path / "records").glob("*/*/seed0.json")
        told = json.loads(path.read_text())
        told["exits"][1]["readings"]["latency"].update(value=4e-3, low=4e-3, high=4e-3)
        change(told)
        Record.model_validate(told).sealed().save(tmp_path / "records")
        return [folder], tmp_path / "records"

    return save


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("latency", True),
        ("payload.int8", True),
        ("nope", True),
        ("1:2.5:4", False),
        ("1e-3:2", False),
        ("", False),
        ("1:nan", False),
        ("inf", False),
        ("1:x", False),
    ],
)
def test_a_reading_is_told_from_numbers(text, name):
    assert named(text) is name


def test_depths_are_what_the_clock_says_of_the_exits_the_last_as_many_as_exits(run):
    assert depths_of(*run(), "latency") == pytest.approx([0.5, 2.0])
    assert depths_of(*run(), "macs") == pytest.approx([2 / 3, 2.0])


def test_sending_costs_what_crosses_behind_an_exit_as_a_share_of_the_input(run):
    def change(told):
        told["cuts"][1]["readings"]["payload.int8"]["value"] = 16.0
        told["cuts"][1]["readings"]["framed.int8"]["value"] = 40.0

    assert sends_of(*run(change), "payload.int8", "exits") == [0.25, 0.0]
    assert sends_of(*run(change), "framed.int8", "cuts") == [1.0, 0.5, 0.0]


def test_what_nobody_measured_or_does_not_rise_is_a_sentence(run):
    with pytest.raises(SeesawError, match=r"Not every exit of mlp_dense has a reading 'energy.none'"):
        depths_of(*run(), "energy.none")
    equal = run(lambda told: told["exits"][1]["readings"]["latency"].update(value=1e-3, low=1e-3, high=1e-3))
    with pytest.raises(SeesawError, match="a later exit of mlp_dense costs no more than an earlier one"):
        depths_of(*equal, "latency")
    with pytest.raises(
        SeesawError, match=r"Not every cut of mlp_dense has bytes by 'payload.zip'.*payload.int8"
    ):
        sends_of(*run(), "payload.zip", "exits")
