import json
import subprocess
from pathlib import Path
from shutil import which

import pytest

from bench.boards import show
from bench.boards.units import ROUNDS_UP, big, exact, joules, seconds


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1 k"),
        (269_722, "270 k"),
        (1.5e6, "1.5 M"),
        (2e9, "2 G"),
        (-3e12, "-3 T"),
        (999.4, "999"),
        (999.6, "1 k"),
        (999_499, "999 k"),
        (999_600, "1 M"),
        (-999_600, "-1 M"),
        (999_600_000, "1 G"),
        (999.6e12, "1000 T"),
        (123_456e12, "123456 T"),
    ],
)
def test_a_count_has_three_digits_and_a_prefix(value, text):
    assert big(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0 n"),
        (2e-10, "0.2 n"),
        (4.56e-7, "456 n"),
        (1e-6, "1 u"),
        (0.012, "12 m"),
        (1.0, "1 "),
        (4321.0, "4321 "),
        (0.9996, "1 "),
        (0.9996e-3, "1 m"),
        (0.9994e-3, "999 u"),
    ],
)
def test_a_time_and_an_energy_have_the_prefix_that_suits_their_size(value, text):
    assert (seconds(value), joules(value)) == (f"{text}s", f"{text}J")


@pytest.mark.parametrize(
    ("value", "text"),
    [(40_551_040, "40,551,040"), (0.123456789, "0.123457"), (12, "12"), (2.5e9, "2,500,000,000")],
)
def test_a_number_beside_another_has_all_its_digits_where_it_is_whole(value, text):
    assert exact(value) == text


def test_the_page_writes_numbers_as_everything_else_does():
    script = (Path(show.__file__).parent / "page.js").read_text(encoding="utf-8")
    own = script[script.index("function shown") : script.index("function counted")]
    values = [0.0, 12.0, 999.4, 999.6, 999_499.0, 999_600.0, 999_600_000.0, 2.5e9]
    if node := which("node"):
        asked = f"{own}; console.log(JSON.stringify({json.dumps(values)}.map((one) => shown(one, ''))))"
        done = subprocess.run([node, "-e", asked], capture_output=True, text=True, check=True)
        assert [one.strip() for one in json.loads(done.stdout)] == [big(value) for value in values]
    assert f"{ROUNDS_UP} * least" in own
