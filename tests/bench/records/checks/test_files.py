import pytest

from bench import SeesawError
from bench.records.checks.files import FEW, check_files, files_of
from bench.records.store import Store
from tests.bench.edited import edited, set_


@pytest.fixture
def folder(made, tmp_path):
    """Records of more seeds than one process checks by itself: one is forged, one cut short, one contested."""
    store = Store(tmp_path / "records")
    paths = [made(seed).save(store.records) for seed in range(FEW + 2)]
    forged = edited(made(1), set_("cuts", 1, "early", 0, "behind", "int8", "right", value=7))
    paths[1].write_text(forged.model_dump_json())
    paths[2].write_text("{")
    paths[3].with_suffix(".contested").write_text("Its seed was chosen.")
    return tmp_path


def test_files_below_a_folder_are_checked_in_several_processes_as_in_one(folder):
    files, store, done = files_of([folder]), Store(folder / "records"), []
    checked = check_files(files, store, done.append, processes=2)
    assert checked == check_files(files, store, processes=1)
    assert [one.path for one in checked] == files
    assert done == list(range(1, len(files) + 1))
    assert {one.path.name for one in checked if one.faults} == {"seed1.json", "seed2.json"}
    assert [one.note for one in checked if one.note] == ["Its seed was chosen."]


def test_a_file_that_is_named_twice_is_checked_once_and_a_folder_without_any_is_a_sentence(folder, tmp_path):
    files = files_of([folder])
    assert files_of([files[0], folder, files[0]]) == files
    (tmp_path / "empty").mkdir()
    with pytest.raises(SeesawError, match="no record below"):
        files_of([tmp_path / "empty"])
