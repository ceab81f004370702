import json

import pytest

from bench.records.sealed import checksum
from bench.records.store import Store
from bench.records.stream import StreamRecord


@pytest.fixture(scope="module")
def values(streamed, tmp_path_factory):
    """A sound stream record as JSON values."""
    return json.loads(streamed(tmp_path_factory.mktemp("told")).sealed().model_dump_json())


def forged(values, *place, value, digested=True):
    """The record with one value changed, and its digest and checksum made anew as a forger would."""
    new = json.loads(json.dumps(values))
    here = new
    for key in place[:-1]:
        here = here[key]
    here[place[-1]] = value(here[place[-1]]) if callable(value) else value
    if digested:
        new["digest"] = StreamRecord.model_validate(new).request_digest()
    new["checksum"] = checksum(new)
    return StreamRecord.model_validate(new)


@pytest.mark.parametrize(
    "changes", [{}, {"costs": "measured"}, {"costs": [1.0, 5.0]}, {"arms": "cuts"}, {"shuffles": 0},
                {"costs": "macs", "sending": "payload.int8"},
                {"costs": "macs", "sending": "framed.int8", "arms": "cuts"},
                {"policies": ("splitee-s", "i-splitee", "sliding-window", "thompson", "oracle")}],
)  # fmt: skip
def test_what_was_replayed_has_no_fault(streamed, tmp_path, changes):
    record = streamed(tmp_path, **changes).sealed()
    folder = tmp_path / "streams"
    path = record.write(record.path(folder))
    assert StreamRecord.read(path).faults(path, folder) == []
    assert list(record.disputes(Store(tmp_path / "records"))) == []


def test_a_change_by_hand_shows_and_so_does_another_place(values, tmp_path):
    record = StreamRecord.model_validate(values | {"seed": 3})
    assert "changed after it was written" in record.faults()[0]
    sound = StreamRecord.model_validate(values)
    assert "its settings belong to" in sound.faults(tmp_path / "x.json", tmp_path)[0]


SPLITEE = 2
"""The third result: (a), (b), splitee, ..."""


@pytest.mark.parametrize(
    ("place", "value", "hint"),
    [
        (("results", SPLITEE, "cost"), lambda c: [c[0] * 0.9, c[1]], "is billed"),
        (("results", SPLITEE, "plays"), lambda p: [p[0] + 1, p[1]], "does not play an arm"),
        (("results", SPLITEE, "plays"), lambda p: [p[1], p[0]], "is billed"),
        (("results", SPLITEE, "right"), [201, 180], "more samples than there are"),
        (("results", SPLITEE, "right"), [180], "for 2 passes"),
        (("results", SPLITEE, "sent"), [200, 200], "other samples than its arms can"),
        (("results", SPLITEE, "regret"), [1e6, 0.0], "more reward than there is"),
        (("results", 0, "right"), [181, 181], "is not the last exit"),
        (("results", 0, "right"), [180, 179], "from pass to pass"),
        (("results", 1, "right"), lambda r: [r[0] - 1] * 2, "depends on what sending costs"),
        (("results", 0, "policy"), "splitee", "twice|lacks a baseline"),
        (("results", SPLITEE, "policy"), "thompson", "not those that it has results of"),
        (("results",), [], "lacks a baseline"),
        (("results", SPLITEE, "layer"), 1e-300, "beyond what one can compute|lacks a baseline"),
        (("entrants", 0, "spec"), "splitee[c=9]", "its settings do not|not those"),
        (("entrants", 0, "head"), 0.9, "billed for exits"),
        (("entrants", 0, "side"), True, "is billed"),
        (("parts", 0, "right"), [160, 201], "cannot be right"),
        (("parts", 0, "right"), [160, 179], "is not the last exit"),
        (("parts", 0, "samples"), 400, "is not|does not play"),
        (("parts", 0, "costs"), [5.0, 1.0], "do not rise"),
        (("parts", 0, "setup", "recipe", "epochs"), 9, "settings have the digest"),
        (("parts", 0, "setup", "backbone", "spec"), "<script>", "no spec"),
        (("depths",), [1.0, 3.0], "not what its costs give"),
        (("sends",), [1.0], "1 cost of sending for 2"),
        (("costs",), [0.0, 0.0], "from above 0"),
        (("costs",), "latency", "what its costs give|does not cost 2|is billed"),
        (("shuffles",), 5, "for 5 passes"),
    ],
)
def test_what_a_forger_would_try_is_a_fault(values, place, value, hint):
    sentences = " ".join(forged(values, *place, value=value).faults())
    assert any(part in sentences for part in hint.split("|")), sentences


def test_costs_by_a_reading_are_as_many_as_exits_at_the_last(streamed, timed, tmp_path):
    record = streamed(tmp_path, folders=[timed(tmp_path)], costs="latency")
    for depths in ([0.5, 3.0], [2.0], [0.5, 1.0, 2.0]):
        forgery = forged(json.loads(record.sealed().model_dump_json()), "depths", value=depths)
        assert "does not cost 2" in forgery.faults()[0]


def test_another_request_than_that_of_its_digest_is_a_fault(values):
    assert "What it asks has the digest" in forged(values, "order_seed", value=7, digested=False).faults()[0]
