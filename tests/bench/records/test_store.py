import pytest

from bench import SeesawError
from bench.records.setup import specs_of
from bench.records.store import contested
from tests.bench.edited import edited, set_


def test_a_maintainers_reason_contests_a_sound_record(made, tmp_path):
    path = made().save(tmp_path)
    assert contested(path, []) is None
    path.with_suffix(".contested").write_text("Trained on\nthe test split.")
    assert contested(path, []) == "Trained on the test split."
    path.with_suffix(".contested").write_text("")
    assert contested(path, []) == "It is contested, without a reason."


@pytest.mark.parametrize("spec", ["evil.py:Evil", "sparse[inner=evil.py:Evil]", "other"])
def test_a_strangers_code_is_never_run_again(made, spec):
    record = edited(made(), set_("setup", "method", "spec", value=spec))
    with pytest.raises(SeesawError, match="is a draft"):
        specs_of(record)
