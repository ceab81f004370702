import pytest

from bench.records.setup import Named, board_of, plan_of, task_and_version
from tests.bench.edited import edited, set_


def test_a_boards_name_gives_its_task_and_version_back(made):
    usual = made().setup
    files = usual.model_copy(update={"task_identity": {"files": "abc"}})
    assert task_and_version(board_of(usual)) == ("digits", 1, True)
    assert task_and_version(board_of(files)) == ("digits", 1, False)
    assert task_and_version("fashion-mnist-v12") == ("fashion-mnist", 12, True)
    assert task_and_version("no-board") == ("no-board", 0, True)


def test_other_settings_and_other_files_of_a_task_have_boards_of_their_own(made):
    setups = [
        made().setup,
        made().setup.model_copy(update={"task_identity": {"files": "abc"}}),
        made().setup.model_copy(update={"task_identity": {"files": "abd"}}),
        edited(made(), set_("setup", "task", value=_task("digits[side=3]", {"side": 3}))).setup,
    ]
    setups += [made().setup.model_copy(update={"calibrate": share}) for share in (0.2, 0.3)]
    assert len({board_of(setup) for setup in setups}) == 6


def _task(spec, settings):
    return {"name": "digits", "origin": "made", "settings": settings, "spec": spec}


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "joint, 2 epochs"),
        ({"recipe": {"epochs": 1}}, "joint, 1 epoch"),
        ({"weights": "0" * 64}, "joint, weights given, 2 epochs"),
        ({"weights": "0" * 64, "recipe": {"epochs": 0}}, "joint, weights given"),
        ({"cut": 2, "values": "int8", "lean": True}, "joint, 2 epochs, cut 2, int8 weights, lean training"),
        ({"calibrate": 0.25}, "joint, 2 epochs, calibrated on 0.25 of the test split"),
    ],
)
def test_a_plan_names_only_what_differs_from_the_usual(made, changes, line):
    assert plan_of(made().setup.model_copy(update=changes)) == line


def test_training_alone_decides_whether_networks_are_the_same_and_a_drafts_code_is_a_part_of_it(made):
    setup = made().setup
    for same in ({"values": "int8"}, {"codecs": []}, {"meters": [setup.task]}, {"calibrate": 0.2}):
        assert setup.model_copy(update=same).training_digest() == setup.training_digest()
        assert setup.model_copy(update=same).digest() != setup.digest()
    assert setup.model_copy(update={"lean": True}).training_digest() != setup.training_digest()
    drafts = [setup.method.model_copy(update={"origin": f"draft m.py sha256:{n}"}) for n in (1, 2)]
    digests = {setup.model_copy(update={"method": draft}).training_digest() for draft in drafts}
    assert len(digests | {setup.training_digest()}) == 3


def test_no_folder_of_a_draft_is_shown(made):
    place = "/home/ann/secret/m.py:Snip"
    draft = {
        "name": place,
        "origin": "draft m.py sha256:1",
        "settings": {"density": 0.1},
        "spec": f"{place}[density=0.1]",
    }
    setup = made().setup.model_copy(update={"method": Named(**draft), "exits": Named(**draft)})
    assert setup.model == "mlp_m.py:Snip[density=0.1]"
    assert plan_of(setup) == "m.py:Snip[density=0.1], 2 epochs"
    assert setup.method.model_copy(update={"spec": "/a.py:B[[", "name": "?"}).label == "/a.py:B[["
