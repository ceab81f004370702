"""The modelled energy of spikes is held against what it follows from.

Covers: bench/records/energy_model.py
"""

import pytest

from bench.records.checks.readings import _spikes
from bench.records.energy_model import SPIKES, modelled_spikes
from bench.records.reading import Reading


def readings(joules, **others):
    found = {
        name.replace("_", "."): Reading(value=value, unit="one", source="counted")
        for name, value in others.items()
    }
    return found | {f"energy.{SPIKES}": Reading(value=joules, unit="J", source=f"modelled, {SPIKES}")}


def test_a_spike_costs_an_addition_at_each_weight():
    assert modelled_spikes(1000, 10) == pytest.approx(1000 * 0.9e-12 + 10 * 4.6e-12)
    assert not list(_spikes("exit 0", readings(modelled_spikes(1e6, 10), synops=1e6, macs_analog=10)))


def test_another_energy_is_a_fault():
    wrong = readings(2 * modelled_spikes(1e6, 10), synops=1e6, macs_analog=10)
    lacking = readings(modelled_spikes(1e6, 10), synops=1e6)
    for one in (wrong, lacking):
        (fault,) = _spikes("exit 0", one)
        assert "not that of its synaptic operations" in fault
    assert not list(_spikes("exit 0", {}))
