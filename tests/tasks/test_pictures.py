"""Folders of images as people have them: what lies beside images, odd names, odd pictures."""

import logging
import os
import unicodedata

import pytest
from PIL import Image

from bench import SeesawError, Task
from bench.plugins.plugin import choose
from tasks.fit import Fit
from tasks.pictures import Pictures, framed_note


def write(path, value=100, size=(8, 8), **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, value, value)).save(path, **more)


def classes(root, names=("ant", "bee"), count=4):
    for label, name in enumerate(names):
        for number in range(count):
            write(root / name / f"{number}.png", 50 * (label + 1))


def task(root, **more):
    settings = "".join(f",{name}={value}" for name, value in more.items())
    return choose(Task, f"folder[path={root},size=8{settings}]").plugin


def test_what_systems_leave_behind_is_no_class_no_image_and_no_part_of_the_identity(tmp_path):
    classes(tmp_path)
    before = task(tmp_path).identity(tmp_path)
    write(tmp_path / ".ipynb_checkpoints" / "0-checkpoint.png")
    write(tmp_path / "__MACOSX" / "ant" / "0.png")
    write(tmp_path / "ant" / ".ipynb_checkpoints" / "0.png")
    (tmp_path / "ant" / "._0.png").write_bytes(b"not an image")
    (tmp_path / ".DS_Store").write_bytes(b"1")
    (tmp_path / "ant" / "Thumbs.db").write_bytes(b"1")
    for name in ("@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found", "__pycache__"):
        write(tmp_path / name / "0.png")
        write(tmp_path / "ant" / name / "0.png")
    assert task(tmp_path).names == ["ant", "bee"]
    assert task(tmp_path).identity(tmp_path) == before
    assert Pictures.below(tmp_path).notes == ()


def test_what_is_left_out_is_said(tmp_path, caplog):
    classes(tmp_path)
    (tmp_path / "cat").mkdir()
    (tmp_path / "ant" / "x.heic").write_bytes(b"1")
    (tmp_path / "notes.txt").write_text("mine")
    write(tmp_path / "loose.png")
    with caplog.at_level(logging.WARNING, "seesaw"):
        task(tmp_path).data(tmp_path, 0)
    assert "classes without images, which are left out: cat" in caplog.text
    assert "3 files are left out" in caplog.text
    for kind in (".heic", ".txt", "images in no class's folder"):
        assert f"1 x {kind}" in caplog.text


@pytest.mark.parametrize(("train", "test"), [("Train", "Test"), ("training", "testing"), ("train", "val")])
def test_splits_may_have_the_names_that_people_give_them(tmp_path, train, test, caplog):
    classes(tmp_path / train)
    classes(tmp_path / test, count=2)
    with caplog.at_level(logging.WARNING, "seesaw"):
        data = task(tmp_path).data(tmp_path, 0)
    assert len(data.test.labels) == 4
    assert task(tmp_path).names == ["ant", "bee"]
    assert ("val is taken as the test split" in caplog.text) == (test == "val")


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("training_set", "test_set"), ("train_set", "test_set"), ("trainset", "testset"), ("seg_train", "seg_test"),
        ("train2017", "val2017"), ("images_train", "images_test"), ("Training Data", "Test Data"),
        ("training-data", "test-data"), ("tr", "te"), ("TrainImages", "dev images"), ("1_train", "2_eval"),
    ],
)  # fmt: skip
def test_what_people_write_around_the_names_of_splits_does_not_make_them_classes(tmp_path, train, test):
    classes(tmp_path / train)
    classes(tmp_path / test, count=2)
    assert task(tmp_path).names == ["ant", "bee"]
    assert len(task(tmp_path).data(tmp_path, 0).test.labels) == 4


def test_names_that_only_look_like_splits_are_classes(tmp_path):
    names = ("de", "images", "set1", "te", "testudo", "tr", "trainer")
    classes(tmp_path, names)
    assert task(tmp_path).names == list(names)


def test_folders_of_the_same_folders_are_splits_of_unknown_names_or_unclear(tmp_path):
    classes(tmp_path / "january")
    classes(tmp_path / "july", ("ant", "bee", "cat"))
    with pytest.raises(
        SeesawError, match="has january, july, and each of them has ant, bee: these are splits, or"
    ):
        task(tmp_path).about()
    write(tmp_path / "july" / "0.png")  # with an image of its own it is a class, whatever else it holds
    assert task(tmp_path).names == ["january", "july"]


def test_classes_with_one_folder_each_are_classes(tmp_path):
    for name in ("ant", "bee"):
        classes(tmp_path / name, ("images",))
    assert task(tmp_path).names == ["ant", "bee"]


def test_an_archive_unpacked_into_a_folder_of_its_name_is_looked_into(tmp_path):
    classes(tmp_path / "seg_train" / "seg_train")
    classes(tmp_path / "seg_test" / "seg_test", count=1)
    assert task(tmp_path).names == ["ant", "bee"]
    assert (
        "holds seg_train alone, whose folders are taken as the classes" in Pictures.below(tmp_path).notes[0]
    )


def test_a_class_that_the_test_split_lacks_is_said(tmp_path):
    classes(tmp_path / "train", ("ant", "bee", "cat"))
    classes(tmp_path / "test")
    (note,) = Pictures.below(tmp_path).notes
    assert note.endswith("has no folder for cat, so the test split has no such images.")


def test_links_that_are_not_followed_are_said(tmp_path):
    root = tmp_path / "root"
    classes(root)
    classes(tmp_path / "elsewhere", ("more",))
    assert Pictures.below(root).notes == ()
    (root / "cat").symlink_to(tmp_path / "elsewhere" / "more")  # a class may be a link
    assert Pictures.below(root).names == ("ant", "bee", "cat")
    assert Pictures.below(root).notes == ()
    (root / "ant" / "more").symlink_to(tmp_path / "elsewhere" / "more")
    (root / "ant" / "9.png").symlink_to(tmp_path / "nowhere.png")
    (root / "dog").symlink_to(tmp_path / "nowhere")
    (note,) = Pictures.below(root).notes
    assert (
        "3 links that lead nowhere, or from inside a class to another folder, are left out (ant/9.png, "
        in note
    )
    assert len(Pictures.below(root).files) == 12


def test_of_files_with_several_pictures_the_first_is_taken_with_a_word(tmp_path, caplog):
    classes(tmp_path)
    frames = [Image.new("L", (8, 8), value) for value in (10, 200)]
    frames[0].save(tmp_path / "ant" / "moving.gif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "bee" / "pages.tif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "bee" / "still.gif")
    with caplog.at_level(logging.WARNING, "seesaw"):
        task(tmp_path).data(tmp_path, 0)
    assert "2 files hold several pictures (moving ones, or pages), of which the first is taken" in caplog.text
    assert Fit(8, "grey")(tmp_path / "bee" / "pages.tif", "pages")[0, 0] == 10


def test_beside_training_and_test_val_is_for_calibration(tmp_path):
    for name, count in (("train", 6), ("valid", 3), ("test", 2)):
        classes(tmp_path / name, count=count)
    data = task(tmp_path).data(tmp_path, 0)
    assert [len(split.labels) for split in (data.train, data.calibration, data.test)] == [12, 6, 4]


def test_splits_without_training_and_two_of_one_kind_are_a_sentence(tmp_path):
    classes(tmp_path / "val")
    classes(tmp_path / "test")
    with pytest.raises(SeesawError, match="has test and val, and no train"):
        task(tmp_path).about()
    classes(tmp_path / "train")
    classes(tmp_path / "training")
    with pytest.raises(SeesawError, match="two folders for one split, train and training"):
        task(tmp_path).about()


def test_a_class_is_one_in_every_form_of_unicode(tmp_path):
    name = "b\u00e9e"
    classes(tmp_path / "train", ("ant", unicodedata.normalize("NFC", name)))
    classes(tmp_path / "test", ("ant", unicodedata.normalize("NFD", name)), 1)
    assert task(tmp_path).names == ["ant", name]
    assert task(tmp_path).data(tmp_path, 0).test.labels.tolist() == [0, 1]
    (tmp_path / "train" / unicodedata.normalize("NFD", name)).mkdir()
    with pytest.raises(SeesawError, match="two folders of one name"):
        task(tmp_path).about()


def test_the_order_of_files_is_that_of_their_names_on_every_system(tmp_path):
    for name in ("B.png", "a.png", "10.png", "9.png"):
        write(tmp_path / "ant" / name)
    classes(tmp_path, ("bee",), 1)
    files = [path.name for path, label in Pictures.below(tmp_path).splits["train"] if label == 0]
    assert files == ["10.png", "9.png", "B.png", "a.png"]


def test_a_name_that_is_no_utf_8_is_a_sentence(tmp_path):
    classes(tmp_path)
    try:
        os.mkdir(os.fsencode(tmp_path) + b"/caf\xe9")
    except OSError:
        return  # a system whose names are always UTF-8
    with pytest.raises(SeesawError, match=r"no UTF-8\. Rename it"):
        task(tmp_path).about()


def test_what_lies_beside_the_splits_is_said(tmp_path):
    classes(tmp_path / "train" / "train")
    classes(tmp_path / "test")
    write(tmp_path / "loose.png")
    write(tmp_path / "train" / "other.png")
    (tmp_path / "labels.csv").write_text("mine")
    (tmp_path / "test.npz").write_bytes(b"mine")
    (tmp_path / ".DS_Store").write_bytes(b"1")
    notes = " ".join(Pictures.below(tmp_path).notes)
    assert "4 files are left out (2 x images in no class's folder, 1 x .csv, 1 x .npz)" in notes.replace(
        "1 x .npz, 1 x .csv", "1 x .csv, 1 x .npz"
    )


@pytest.mark.parametrize(("name", "kind"), [("a.png", "PNG"), ("b.jpg", "MPO")])
def test_pictures_within_a_png_or_a_jpeg_are_said(tmp_path, name, kind):
    frames = [Image.new("RGB", (8, 8), (value, 0, 0)) for value in (0, 100, 200)]
    frames[0].save(tmp_path / name, kind, save_all=True, append_images=frames[1:])
    write(tmp_path / "one.png")
    write(tmp_path / "one.jpg")
    assert "1 files hold several" in (framed_note(tmp_path, sorted(tmp_path.iterdir())) or "")


def test_a_broken_picture_is_named_by_its_file_alone(tmp_path):
    classes(tmp_path)
    (tmp_path / "ant" / "broken.png").write_bytes(b"no image")
    with pytest.raises(
        SeesawError, match=r"broken.png is no whole image \(of no known format\). Replace or remove it.$"
    ):
        task(tmp_path).data(tmp_path, 0)
