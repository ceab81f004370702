import pytest

from bench import SeesawError
from bench.records.store import Store
from bench.replay.streams.rerun import again


@pytest.mark.parametrize(
    "options", [{}, {"shuffles": 0, "costs": "measured"}, {"arms": "cuts", "order_seed": 3}, {"costs": [1.0, 5.0]},
              {"costs": "macs", "sending": "payload.int8"}, {"policies": ("splitee", "best-fixed", "oracle"), "offloads": ("0.5",)},
              {"policies": ("splitee-s[c=2]", "i-splitee", "thompson", "epsilon-greedy[layer=0.2,mu=2]")}],
)  # fmt: skip
def test_a_record_replayed_again_is_the_same_record(streamed, tmp_path, options):
    record = streamed(tmp_path, **options)
    anew = again(record, Store(tmp_path / "records", tmp_path / "runs"), threads=1)
    assert anew == record
    rows = record.compare(anew)
    assert all(row.agrees for row in rows)
    assert len(rows) >= sum(len(one.cost) for one in record.results)


def test_numbers_that_differ_are_named_and_rounding_is_no_difference(streamed, tmp_path):
    record = streamed(tmp_path)
    result = record.results[2]
    near, far, short = (
        record.model_copy(update={"results": [*record.results[:2], result.model_copy(update=change), *record.results[3:]]})
        for change in (
            {"cost": [cost * (1 + 1e-8) for cost in result.cost]}, {"sent": [result.sent[0] + 1, *result.sent[1:]]},
            {"right": result.right[:1]},
        )
    )  # fmt: skip
    assert all(row.agrees for row in record.compare(near))
    (one,) = (row for row in record.compare(far) if not row.agrees)
    assert one.name.endswith(": sent, 0")
    assert (one.recorded, one.again) == (result.sent[0], result.sent[0] + 1)
    (one,) = (row for row in record.compare(short) if not row.agrees)
    assert (one.recorded, one.again) == (result.right[1], None)


def test_a_draft_is_never_loaded(streamed, tmp_path):
    record = streamed(tmp_path)
    draft = record.entrants[0].model_copy(update={"spec": "evil.py:Evil", "name": "evil.py:Evil"})
    with pytest.raises(SeesawError, match="is a draft, and a record holds no code"):
        again(record.model_copy(update={"entrants": [draft]}), Store(tmp_path / "records", tmp_path / "runs"))
