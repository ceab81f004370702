import pytest

from bench import SeesawError
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
