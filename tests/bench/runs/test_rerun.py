import pytest

from bench import SeesawError
from bench.records.checks.parts import settings_faults
from bench.records.store import Store
from bench.runs.request import RunRequest
from bench.runs.rerun import again
from bench.runs.run import run


@pytest.fixture
def record(places):
    small = {"policies": ("fixed",), "codecs": ("int8",), "meters": ("macs",), "recipe": {"epochs": "1"}}
    return run(RunRequest(task="blobs", model="mlp_sparse", **small, **places))


def test_settings_run_once_more_give_the_same_numbers_and_touch_no_folder_of_the_record(record, places):
    before = {path: path.stat().st_mtime_ns for place in places.values() for path in place.rglob("*")}
    other = again(record, Store(places["records"], places["runs"]), data=places["data"])
    assert other.untimed() == record.untimed()
    assert {path: path.stat().st_mtime_ns for place in places.values() for path in place.rglob("*")} == before


def test_specs_that_do_not_name_the_settings_are_a_sentence(record, places):
    setup = record.setup.model_copy(update={"task_version": record.setup.task_version + 1})
    forged = record.model_copy(update={"setup": setup, "digest": setup.digest()})
    with pytest.raises(SeesawError, match="ask who made it"):
        again(forged, Store(places["records"], places["runs"]), data=places["data"])


@pytest.mark.parametrize(
    ("part", "spec", "settings", "sentence"),
    [
        (
            "backbone",
            "mlp[widths=99999:99999]",
            {"width": 1.0, "widths": [99999, 99999], "inputs": 0},
            "2,147,483,648",
        ),
        ("task", "blobs[train=999999,side=256]", {}, "may hold 268,435,456"),
    ],
)
def test_what_a_strangers_record_would_build_is_bounded_before_it_is_built(
    record, places, monkeypatch, part, spec, settings, sentence
):
    monkeypatch.setattr("bench.runs.rerun.run", lambda *words: pytest.fail("it runs"))
    large = getattr(record.setup, part).model_copy(update={"spec": spec, "settings": settings})
    forged = record.model_copy(update={"setup": record.setup.model_copy(update={part: large})})
    with pytest.raises(SeesawError, match=sentence):
        again(forged, Store(places["records"], places["runs"]), data=places["data"])


@pytest.mark.parametrize("change", [{"epochs": 10**6}, {"batch": 10**9}, {"crop": 10**5}])
def test_a_recipe_beyond_its_bounds_is_a_fault_of_the_record(record, change):
    setup = record.setup.model_copy(update={"recipe": record.setup.recipe | change})
    assert any("Its recipe is none (Input should be less than" in fault for fault in settings_faults(setup))
