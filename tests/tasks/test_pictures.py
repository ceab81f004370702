"""Folders of images as people have them: what lies beside images, odd names, odd pictures."""

import logging
import os
import unicodedata

import numpy as np
import pytest
from PIL import Image

from bench import SeesawError, Task
from bench.plugins.plugin import choose
from tasks.pictures import Pictures, fitted, opened


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


def test_what_is_transparent_shows_white_and_not_the_black_beneath(tmp_path):
    glyph = np.zeros((8, 8, 4), np.uint8)
    glyph[2:6, 2:6, 3] = 255  # black on nothing
    Image.fromarray(glyph).save(tmp_path / "glyph.png")
    grey = opened(tmp_path / "glyph.png", 8, "grey")
    assert grey[0, 0] == 255
    assert grey[3, 3] == 0
    palette = Image.fromarray(glyph[..., 3]).convert("P")
    palette.save(tmp_path / "palette.gif", transparency=0)
    assert opened(tmp_path / "palette.gif", 8, "grey")[0, 0] == 255


def test_a_photograph_stands_as_its_camera_was_held(tmp_path):
    pixels = np.zeros((8, 8), np.uint8)
    pixels[:4] = 255
    upside = Image.Exif()
    upside[0x0112] = 3
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=upside)
    assert opened(tmp_path / "turned.png", 8, "grey")[0, 0] == 0


def test_of_a_long_strip_the_middle_is_taken_before_it_is_scaled():
    strip = Image.new("L", (60_000, 1))
    strip.putpixel((29_999, 0), 200)
    assert fitted(strip, 64, "grey").tolist() == [[200] * 64] * 64
