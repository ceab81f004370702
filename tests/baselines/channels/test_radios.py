"""The table of radios, and channels with their energy.

Covers: baselines/channels/presets.py
"""

import re
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from baselines.channels import presets, radios
from baselines.channels.constant import Constant
from baselines.channels.radios import RADIOS, RadioName
from bench import Channel, choose


@pytest.mark.parametrize("name", get_args(RadioName))
def test_every_number_has_a_source_that_the_file_names(name):
    sources = set(re.findall(r"^  (\w+):", radios.__doc__, re.M))
    assert set(RADIOS[name].sources) <= sources
    assert "assumed" not in sources


def test_the_table_of_the_documentation_has_these_numbers_and_sources():
    page = (Path(__file__).parents[3] / "docs" / "codecs.md").read_text()
    rows = {
        row[0].strip("` "): row[1:]
        for row in (line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| `"))
    }
    letters = dict(re.findall(r"^\* \*\*(\w)\*\* `(\w+)`:", page, re.M))
    for name, radio in RADIOS.items():
        cells = [cell.split() for cell in rows[name]]
        values = [float(cell[0].replace(",", "")) for cell in cells]
        assert values == pytest.approx(
            [
                radio.up,
                radio.down,
                radio.rtt,
                radio.watts,
                radio.nanojoules,
                radio.tail_seconds,
                radio.tail_watts,
            ]
        )
        s = radio.sources
        assert [letters[cell[1]] for cell in cells] == [
            s.rates,
            s.rates,
            s.rtt,
            s.sending,
            s.sending,
            s.tail,
            s.tail,
        ]
    assert set(letters.values()) == {one for radio in RADIOS.values() for one in radio.sources}


@pytest.mark.parametrize("name", get_args(RadioName))
def test_the_first_line_of_a_preset_has_its_round_trip(name):
    first = (type(choose(Channel, name).plugin).__doc__ or "").partition("\n")[0]
    trips = [
        float(value) * (1 if unit == "ms" else 1000)
        for value, unit in re.findall(r", ([\d.]+) (ms|s)\b", first)
    ]
    assert trips == [RADIOS[name].rtt]


@pytest.mark.parametrize("name", get_args(RadioName))
def test_a_preset_has_the_numbers_of_its_radio(name):
    table, radio = choose(Channel, name).plugin.conditions(60, 0), RADIOS[name]
    assert table.up[0] * 8e-6 == pytest.approx(radio.up)
    assert table.down[0] * 8e-6 == pytest.approx(radio.down)
    assert table.delay[0] == radio.rtt / 2000
    assert (table.tail_seconds, table.tail_watts) == (radio.tail_seconds, radio.tail_watts)
    first = (type(choose(Channel, name).plugin).__doc__ or "").partition("\n")[0]
    rates = [float(word) for word in re.findall(r"([\d.]+) (?:M?bit/s)", first)]
    assert rates[0] == pytest.approx(radio.up * (1e6 if "bit/s in the long" in first else 1), rel=0.02)


def test_a_hundred_kilobytes_over_lte_cost_half_a_joule_and_its_tail_twelve():
    """By hand, from the paper's model at 6 Mbit/s: 3.92 W for 0.133 s."""
    table = presets.Lte(up=6).conditions(1, 0)
    seconds = 100_000 / table.up[0]
    joules = table.watts[0] * seconds + table.joules_per_byte[0] * 100_000
    assert seconds == pytest.approx(0.1333, rel=1e-3)
    assert joules == pytest.approx((0.43839 * 6 + 1.28804) * seconds)
    assert joules == pytest.approx(0.522, rel=1e-2)
    assert table.tail_seconds * table.tail_watts == pytest.approx(12.3, rel=1e-2)


def test_rates_of_a_preset_may_be_given_or_scaled():
    assert presets.Wifi(up=8, rates=0.5).conditions(1, 0).up[0] == 500_000
    assert presets.Wifi(rtt=100, loss=0.1).conditions(1, 0).delay[0] == 0.05


def test_any_channel_may_have_the_energy_of_a_radio():
    plain, radio = Constant(), Constant(radio="wifi")
    assert not plain.conditions(1, 0).watts.any()
    assert np.array_equal(radio.conditions(1, 0).up, plain.conditions(1, 0).up)
    assert radio.conditions(1, 0).joules_per_byte[0] == pytest.approx(283.17 * 8e-9)
