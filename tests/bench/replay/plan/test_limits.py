import pytest

from bench import SeesawError
from bench.replay.plan.limits import BYTES, JOULES, SECONDS, SHARE, Limits, amount


@pytest.mark.parametrize(
    ("text", "units", "value"),
    [("50ms", SECONDS, 0.05), ("1.5 s", SECONDS, 1.5), ("2e2us", SECONDS, 2e-4), ("300kB", BYTES, 3e5), ("2MiB", BYTES, 2**21),
     ("5mJ", JOULES, 5e-3), ("1%", SHARE, 0.01), ("0.01", SHARE, 0.01), (".5", SHARE, 0.5)],
)  # fmt: skip
def test_amounts_have_units(text, units, value):
    assert amount(text, units, "--x") == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "units", "words"),
    [("50", SECONDS, "has no unit. Write one of s, ms, us, ns"), ("50mJ", SECONDS, "'mJ' is no unit of it. Choose s, ms"),
     ("300kb", BYTES, "Did you mean 300kB"), ("soon", SECONDS, "is no number from 0 with a unit"), ("-5ms", SECONDS, "is no number"),
     ("90 percent", SHARE, "'percent' is no unit")],
)  # fmt: skip
def test_wrong_units_are_answered_in_a_sentence(text, units, words):
    with pytest.raises(SeesawError, match=words):
        amount(text, units, "--x")


def test_a_share_lies_between_0_and_1():
    with pytest.raises(SeesawError, match="--min-accuracy is a share from 0 to 1, and 85 is none"):
        Limits(accuracy=85)
