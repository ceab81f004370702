"""What a record claims of codecs that nobody here knows is held like what is known of ours."""

import pytest

from bench.records.notes import FIXED, LOSSLESS
from tests.bench.edited import edited, set_
from tests.bench.made import named


@pytest.fixture
def strangers(made):
    """A record whose one codec is a stranger's, which loses nothing and always sends 64 bytes."""
    record = made(codecs=[named("mine")])
    notes = record.notes | {LOSSLESS: ["mine"], FIXED: {"1": {"mine": 64}}}
    return edited(record, set_("notes", value=notes))


def test_a_claim_that_holds_is_no_fault(strangers):
    assert strangers.faults() == []


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    [
        (("cuts", 1, "readings", "top1.mine", "value"), 0.895, "and mine loses nothing"),
        (("cuts", 1, "early", 0, "behind", "mine", "right"), 179, "mine"),
        (("notes", LOSSLESS), ["mine", "yours"], "yours loses nothing, which was not measured"),
        (("notes", FIXED), {"1": {"mine": 60}}, "does not take the bytes"),
        (("notes", FIXED), {"1": {"yours": 64}}, "bytes of yours at cut 1, which were not measured"),
        (("notes", FIXED), {"0": {"mine": 64}}, "bytes of mine at cut 0"),
    ],
)
def test_a_claim_that_other_numbers_contradict_is_a_fault(strangers, place, value, sentence):
    assert sentence in " ".join(edited(strangers, set_(*place, value=value)).faults())


def test_without_the_claim_such_a_codec_may_lose(strangers):
    plain = edited(strangers, set_("notes", LOSSLESS, value=[]))
    changed = edited(plain, set_("cuts", 1, "readings", "top1.mine", "value", value=0.895))
    assert "loses nothing" not in " ".join(changed.faults())
