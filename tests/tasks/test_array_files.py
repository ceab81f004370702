"""Arrays in a folder as people have them: other names, splits more or fewer, other things beside them, odd labels."""

import logging

import numpy as np
import pytest

from bench import SeesawError, Task
from bench.plugins.plugin import choose
from tasks.array_files import ArrayFiles


def write(path, labels=(0, 1) * 10):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, images=np.full((len(labels), 8, 8), len(labels), np.uint8), labels=np.array(labels))


def data(root):
    task = choose(Task, f"folder[path={root},size=8,colour=grey]").plugin
    return task, task.data(root, 0)


@pytest.mark.parametrize(
    "names", [("train", "val", "test"), ("Training", "valid", "testing"), ("seg_train", "dev", "Test")]
)
def test_arrays_of_val_calibrate_and_are_part_of_the_identity(tmp_path, names):
    for name, count in zip(names, (20, 6, 8), strict=True):
        write(tmp_path / f"{name}.npz", (0, 1) * (count // 2))
    task, found = data(tmp_path)
    assert [len(split.labels) for split in (found.train, found.calibration, found.test)] == [20, 6, 8]
    before = task.identity(tmp_path)
    write(tmp_path / f"{names[1]}.npz", (0, 1) * 5)
    assert task.identity(tmp_path) != before


def test_without_test_arrays_val_is_the_test_split_or_a_share_of_training(tmp_path, caplog):
    write(tmp_path / "train.npz")
    assert len(data(tmp_path)[1].test.labels) == 4
    write(tmp_path / "val.npz", (0, 1, 1))
    with caplog.at_level(logging.WARNING, "seesaw"):
        assert len(data(tmp_path)[1].test.labels) == 3
    assert "no test.npz: val.npz is taken as the test split" in caplog.text


def test_what_lies_beside_arrays_is_said(tmp_path):
    write(tmp_path / "train.npz")
    write(tmp_path / "test.npz")
    (tmp_path / ".DS_Store").write_bytes(b"1")
    assert ArrayFiles.below(tmp_path).notes == ()
    (tmp_path / "cat").mkdir()
    write(tmp_path / "more.npz")
    assert "cat, more.npz beside the arrays are left out" in " ".join(ArrayFiles.below(tmp_path).notes)
    write(tmp_path / "train2.npz")
    with pytest.raises(SeesawError, match=r"two files for one split, train.npz and train2.npz"):
        ArrayFiles.below(tmp_path)


@pytest.mark.parametrize(
    ("train", "test", "hint"),
    [
        ((0,) * 9, (0,) * 9, "holds one class, 0"),
        ((0, 1) * 9, (0, 1, 7, 8), "classes that training lacks: 7, 8"),
        ((0, 10**12) * 9, (0,), "label 1,000,000,000,000, and 65,536 classes may be"),
    ],
)
def test_labels_that_cannot_be_meant_are_a_sentence(tmp_path, train, test, hint):
    write(tmp_path / "train.npz", train)
    write(tmp_path / "test.npz", test)
    with pytest.raises(SeesawError, match=hint):
        choose(Task, f"folder[path={tmp_path},size=8,colour=grey]").plugin.about()


def test_classes_that_nothing_trains_are_said(tmp_path, caplog):
    write(tmp_path / "train.npz", (0, 3) * 9)
    write(tmp_path / "test.npz", (0, 3))
    with caplog.at_level(logging.WARNING, "seesaw"):
        assert data(tmp_path)[0].about().classes == 4
    assert "no sample of the classes 1, 2 below its highest label" in caplog.text
