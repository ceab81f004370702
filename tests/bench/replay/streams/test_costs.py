"""Costs of arms, from numbers or from a run's own readings.

Covers: bench/records/costs.py
"""

import pytest
import torch

from bench import SeesawError, Trace
from bench.records.costs import depths_of, level
from bench.records.energy_model import modelled
from bench.records.reading import Reading
from bench.records.record import Record
from bench.records.store import Store
from bench.replay.streams.costs import names_reading, priced, sends_of
from tests.bench.edited import sending, values_of


@pytest.fixture
def run(traced, tmp_path):
    """Saves a run whose last exit takes four times as long as its first, with some readings changed."""

    def save(change=lambda content: None):
        folder = traced(tmp_path)
        (path,) = (tmp_path / "records").glob("*/*/seed0.json")
        content = values_of(path)
        content["exits"][1]["readings"]["latency"].update(value=4e-3, low=4e-3, high=4e-3)
        change(content)
        Record.model_validate(content).sealed().save(tmp_path / "records")
        return [folder], Store(tmp_path / "records", tmp_path / "runs")

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
def test_the_name_of_a_reading_is_no_number(text, name):
    assert names_reading(text) is name


def test_depths_are_the_measured_times_of_the_exits_the_last_as_many_as_exits(run):
    assert priced("latency", *run(), 2).depths == pytest.approx([0.5, 2.0])
    (folder,), store = run()
    depths = depths_of(store.run_of(folder), "macs")
    assert priced("macs", [folder], store, 2).depths == depths == pytest.approx([2 / 3, 2.0])


@pytest.mark.parametrize(
    ("option", "costs", "unit"),
    [
        (None, [5, 7], "MACs"),
        ("measured", [5, 7], "MACs"),
        ("layers", [1, 2], "layers"),
        ("1:2.5", [1, 2.5], "the numbers given"),
        ("latency", [1e-3, 4e-3], "latency in s"),
        (
            "energy.horowitz45-v1",
            [modelled(1000.0, 4000), modelled(3000.0, 8000)],
            "energy.horowitz45-v1 in J",
        ),
    ],
)
def test_single_samples_are_charged_in_the_unit_of_the_option(run, option, costs, unit):
    priced_costs = priced(option, *run(), 2)
    own = Trace(torch.zeros(2, 3, 4), torch.zeros(3), torch.tensor([5.0, 7.0], dtype=torch.float64))
    assert priced_costs.of(own).costs.tolist() == costs
    assert priced_costs.of(own).logits is own.logits
    assert priced_costs.unit == unit


def test_exits_that_only_noise_parts_cost_the_same_and_a_note_is_shown(run):
    def noisy(content):
        content["exits"][1]["readings"]["latency"].update(value=9.5e-4, low=8e-4, high=9.7e-4)

    costs = priced("latency", *run(noisy), 2)
    assert costs.costs == [1e-3, 1e-3]
    assert costs.depths == [2, 2]
    assert "(0.001, 0.00095)" in costs.note.replace("[", "(").replace("]", ")")
    assert "count as equal" in costs.note
    assert not priced("macs", *run(), 2).note


def test_a_spread_is_held_against_that_of_the_largest_before():
    def reading(value, half):
        return Reading(value=value, low=value - half, high=value + half, unit="s", source="clock")

    assert level([reading(10, 1), reading(9.5, 1), reading(9, 0.5), reading(12, 1)]) == [10, 10, 10, 12]
    assert level([reading(10, 1), reading(9.5, 1), reading(8.5, 0.4)]) == [10, 10, 8.5]
    counts = [Reading(value=value, unit="MAC", source="counted") for value in (3, 2, 2)]
    assert level(counts) == [3, 2, 2]


def test_sending_costs_what_crosses_behind_an_exit_as_a_share_of_the_input(run):
    assert sends_of("payload.int8", *run(sending(16)), "exits") == [0.25, 0.0]
    assert sends_of("framed.int8", *run(sending(16)), "cuts") == [1.0, 32 / 88, 0.0]


def test_what_nobody_measured_or_does_not_rise_is_a_sentence(run):
    with pytest.raises(SeesawError, match=r"Not every exit of mlp_dense has a reading 'energy.none'"):
        priced("energy.none", *run(), 2)
    falling = run(
        lambda content: content["exits"][1]["readings"]["latency"].update(value=8e-4, low=7e-4, high=8.9e-4)
    )
    with pytest.raises(SeesawError, match="a later exit of mlp_dense costs less than an earlier one"):
        priced("latency", *falling, 2)
    with pytest.raises(
        SeesawError, match=r"Not every cut of mlp_dense has bytes by 'payload.zip'.*payload.int8"
    ):
        sends_of("payload.zip", *run(), "exits")
