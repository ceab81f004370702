"""Requests as they are resolved: what is wrong with them is seen at once, and drafts keep their folders to themselves."""

from dataclasses import replace

import pytest

from bench import SeesawError
from bench.runs.request import ResolvedRun, RunRequest


def network(folder, width):
    folder.mkdir(parents=True)
    file = folder / "mine.py"
    file.write_text(
        "from torch import nn\n\n\ndef build_net(classes, sample):\n"
        f"    return nn.Sequential(nn.Flatten(), nn.Linear(sample.size, {width}), nn.ReLU(), nn.Linear({width}, classes))\n"
    )
    return file


def resolved(file, places):
    return ResolvedRun.of(RunRequest(task="blobs", model=f'module[path="{file}:build_net"]', **places))


def test_the_folder_of_a_file_among_the_settings_is_nowhere_and_two_files_of_one_name_are_two_runs(tmp_path):
    places = {name: tmp_path / name for name in ("records", "runs", "data")}
    one, other = (
        network(tmp_path / "my nets" / "a_b", 8),
        network(tmp_path / "others", 9),
    )
    run = resolved(one, places)
    assert str(tmp_path) not in run.setup.model_dump_json()
    assert run.setup.model == "module[path=mine.py:build_net]_dense"
    assert str(tmp_path) not in run.title
    assert run.setup.backbone.origin.startswith("draft mine.py sha256:")
    assert resolved(one, places).path == run.path
    assert resolved(other, places).path != run.path


def test_the_first_line_of_a_run_says_how_its_training_is_laid_out(tmp_path):
    places = {name: tmp_path / name for name in ("records", "runs", "data")}
    asked = RunRequest(task="blobs", model="mlp_dense", device="cpu", **places)
    assert ResolvedRun.of(asked).title.endswith("seed 0  on cpu")
    apart = replace(asked, devices=2, precision="bf16-mixed", accumulate=4)
    assert ResolvedRun.of(apart).title.endswith(
        "seed 0  on cpu, 2 devices by ddp, bf16-mixed, steps in 4 parts"
    )


def test_a_folder_of_images_is_shown_by_its_name_alone(tmp_path, made):
    setup = made().setup
    spec = f"folder[path={tmp_path}/images,size=8]"
    task = setup.task.model_copy(update={"name": "folder", "spec": spec})
    assert task.label == "folder[path=images,size=8]"


@pytest.mark.parametrize(
    ("changes", "hint"),
    [
        ({"seed": 2**53}, "The seed is 9007199254740992. Take a whole number from 0 below 2^53."),
        ({"seed": -1}, "The seed is -1."),
        ({"seed": 1.5}, "The seed is 1.5."),
        ({"seed": True}, "The seed is True."),
        ({"policies": ()}, "policies names nothing. Name one at least"),
        ({"codecs": ()}, "codecs names nothing"),
        ({"meters": []}, "meters names nothing"),
        ({"codecs": "int8"}, "codecs='int8' is a text. Give a tuple of specs: codecs=('int8',)."),
    ],
)
def test_what_no_record_can_hold_is_refused_before_anything_is_loaded(changes, hint):
    with pytest.raises(SeesawError) as error:
        ResolvedRun.of(RunRequest(task="no-such-task", model="mlp", **changes))
    assert hint in str(error.value)
