import pytest

from bench.errors import counted


@pytest.mark.parametrize(
    ("told", "number", "words"),
    [
        ("1 sample", 1, ["sample"]),
        ("0 samples", 0, ["sample"]),
        ("2,000 samples", 2000, ["sample"]),
        ("1 layer", 1.0, ["layer"]),
        ("2.66667 layers", 8 / 3, ["layer"]),
        ("2 classes", 2, ["class", "classes"]),
        ("1 class", 1, ["class", "classes"]),
    ],
)
def test_one_thing_is_told_from_several(told, number, words):
    assert counted(number, *words) == told
