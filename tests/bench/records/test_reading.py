import pytest
from pydantic import ValidationError

from bench.records.reading import Reading


def test_a_reading_comes_back_from_its_json():
    reading = Reading(value=2e-3, unit="s", source="clock", low=1e-3, high=3e-3, n=30)
    assert Reading.model_validate_json(reading.model_dump_json()) == reading


@pytest.mark.parametrize(
    "change",
    [{"value": float("nan")}, {"low": float("-inf")}, {"n": 1.5}, {"unit": None}, {"variance": 1.0}],
)
def test_what_is_no_number_and_what_is_no_field_is_refused(change):
    with pytest.raises(ValidationError):
        Reading(**({"value": 1.0, "unit": "s", "source": "clock"} | change))
