import pytest

from bench.boards.units import big, joules, seconds


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
    ],
)
def test_a_time_and_an_energy_have_the_prefix_that_suits_their_size(value, text):
    assert (seconds(value), joules(value)) == (f"{text}s", f"{text}J")
