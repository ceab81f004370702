"""Image tasks on small files made here, in both layouts, whole and broken.

Covers: tasks/cifar.py, tasks/digits.py, tasks/folder.py, tasks/images.py, tasks/mnist.py
"""

import gzip
import hashlib
import pickle
import struct

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from bench import SeesawError, Task
from bench.plugins.plugin import choose
from bench.testing import check_task
from tasks import digits
from tasks.images import read_idx, write_arrays


def arrays(folder, shape=(28, 28), classes=10, count=80, suffix=""):
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for name, number in (("train", count), ("test", count // 2)):
        images = rng.integers(0, 256, (number, *shape), dtype=np.uint8)
        np.savez(folder / f"{name}.npz", images=images, labels=np.arange(number) % classes)


def idx(folder, count=60, zipped=False):
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for stem, number in (("train", count), ("t10k", count // 2)):
        pixels = rng.integers(0, 256, (number, 28, 28), dtype=np.uint8)
        labels = (np.arange(number) % 10).astype(np.uint8)
        files = {
            f"{stem}-images-idx3-ubyte": struct.pack(">IIII", 2051, *pixels.shape) + pixels.tobytes(),
            f"{stem}-labels-idx1-ubyte": struct.pack(">II", 2049, number) + labels.tobytes(),
        }
        for name, content in files.items():
            if zipped:
                (folder / f"{name}.gz").write_bytes(gzip.compress(content))
            else:
                (folder / name).write_bytes(content)


def pictures(top, names=("ant", "bee", "cat"), count=6, size=(20, 14)):
    rng = np.random.default_rng(0)
    for label, name in enumerate(names):
        (top / name).mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(0, 60, (*size[::-1], 3), dtype=np.uint8) + np.uint8(60 * label)
            Image.fromarray(pixels).save(top / name / f"{number}.{'png' if number % 2 else 'jpg'}")


def task(spec):
    return choose(Task, spec).plugin


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_arrays_are_read(tmp_path, name):
    arrays(tmp_path / name)
    check_task(task(name), tmp_path)
    data = task(name).data(tmp_path, 0)
    assert [len(split.labels) for split in (data.train, data.calibration, data.test)] == [72, 8, 40]


@pytest.mark.parametrize(("name", "classes"), [("cifar10", 10), ("cifar100", 100)])
def test_colour_arrays_are_read_with_channels_first(tmp_path, name, classes):
    arrays(tmp_path / name, (32, 32, 3), classes, 200)
    check_task(task(name), tmp_path)
    with np.load(tmp_path / name / "test.npz") as file:
        expected = torch.from_numpy(file["images"]).permute(0, 3, 1, 2)
    assert torch.equal(task(name).data(tmp_path, 0).test.inputs, expected)


@pytest.mark.parametrize(("name", "folder"), [("mnist", "MNIST"), ("fashion-mnist", "FashionMNIST")])
def test_official_idx_files_are_read(tmp_path, name, folder):
    idx(tmp_path / folder / "raw")
    check_task(task(name), tmp_path)


def test_a_subset_is_a_setting(tmp_path):
    arrays(tmp_path / "mnist")
    data = task("mnist[train=50,test=7,calibration=0.2]").data(tmp_path, 0)
    assert [len(split.labels) for split in (data.train, data.calibration, data.test)] == [40, 10, 7]
    with pytest.raises(SeesawError, match="Ask for fewer"):
        task("mnist[train=5000]").data(tmp_path, 0)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "cifar10", "cifar100"])
def test_absent_files_are_a_sentence_that_says_which_to_put_where(tmp_path, name, monkeypatch):
    def unreachable(*words, **more):
        raise OSError("Name or service not known")

    monkeypatch.setattr("urllib.request.urlopen", unreachable)
    with pytest.raises(SeesawError, match=r"could not be downloaded.*Put .*npz.*SEESAW_DATA") as error:
        task(name).data(tmp_path, 0)
    assert str(tmp_path) in str(error.value)


def test_a_file_cut_short_is_a_sentence(tmp_path):
    arrays(tmp_path / "mnist")
    path = tmp_path / "mnist" / "train.npz"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(SeesawError, match=r"train.npz cannot be read.*Put a whole npz"):
        task("mnist").data(tmp_path, 0)


def test_official_files_cut_short_are_a_sentence(tmp_path):
    idx(tmp_path / "MNIST" / "raw")
    path = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(SeesawError, match="no whole idx file"):
        task("mnist").data(tmp_path, 0)


def test_arrays_of_another_shape_or_type_are_a_sentence(tmp_path):
    arrays(tmp_path / "mnist", (27, 28))
    with pytest.raises(SeesawError, match=r"\(1, 27, 28\).*not \(1, 28, 28\)"):
        task("mnist").data(tmp_path, 0)
    arrays(tmp_path / "mnist", (28, 28), classes=11)
    with pytest.raises(SeesawError, match=r"labels .* run from 0 to 10"):
        task("mnist").data(tmp_path, 0)
    np.savez(tmp_path / "mnist" / "train.npz", images=np.zeros((4, 28, 28)), labels=np.zeros(4))
    with pytest.raises(SeesawError, match="Write `images` as uint8"):
        task("mnist").data(tmp_path, 0)


def test_pickled_objects_are_not_opened(tmp_path):
    arrays(tmp_path / "mnist")
    np.savez(tmp_path / "mnist" / "train.npz", images=np.array([{"a": 1}], dtype=object), labels=np.zeros(1))
    with pytest.raises(SeesawError, match="cannot be read"):
        task("mnist").data(tmp_path, 0)


def test_a_folder_of_images_is_read(tmp_path):
    pictures(tmp_path / "train")
    pictures(tmp_path / "test", count=3)
    mine = task(f"folder[path={tmp_path},size=8]")
    check_task(mine, tmp_path)
    assert mine.names == ["ant", "bee", "cat"]
    data = mine.data(tmp_path, 0)
    assert len(data.test.labels) == 9
    brightness = [data.test.inputs[data.test.labels == label].float().mean() for label in range(3)]
    assert brightness == sorted(brightness)


def test_a_folder_without_parts_is_parted_the_same_way_every_time(tmp_path):
    pictures(tmp_path / "all", count=10)
    mine = task(f"folder[path={tmp_path / 'all'},size=8,colour=grey]")
    data = mine.data(tmp_path, 0)
    assert mine.about().sample.shape == (1, 8, 8)
    assert len(data.test.labels) == 6
    check_task(mine, tmp_path)


@pytest.mark.parametrize("zipped", [False, True])
def test_a_folder_may_hold_idx_files_or_arrays(tmp_path, zipped):
    idx(tmp_path / "idx", zipped=zipped)
    check_task(task(f"folder[path={tmp_path / 'idx'},size=28,colour=grey]"), tmp_path)
    arrays(tmp_path / "npz", (12, 12, 3), classes=4)
    mine = task(f"folder[path={tmp_path / 'npz'},size=16]")
    check_task(mine, tmp_path)
    assert mine.about().classes == 4


def test_a_changed_folder_is_another_identity(tmp_path):
    pictures(tmp_path / "all")
    mine = task(f"folder[path={tmp_path / 'all'}]")
    before = mine.identity(tmp_path)
    assert mine.identity(tmp_path) == before
    (tmp_path / "all" / "ant" / "0.jpg").unlink()
    assert mine.identity(tmp_path) != before


def test_a_broken_picture_or_an_empty_folder_is_a_sentence(tmp_path):
    pictures(tmp_path / "all")
    (tmp_path / "all" / "ant" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    with pytest.raises(SeesawError, match=r"broken.png is no whole image.*Replace or remove"):
        task(f"folder[path={tmp_path / 'all'}]").data(tmp_path, 0)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SeesawError, match="holds no images"):
        task(f"folder[path={tmp_path / 'empty'}]").data(tmp_path, 0)
    with pytest.raises(SeesawError, match=r"Write folder\[path=DIR\]"):
        task("folder").data(tmp_path, 0)


def test_classes_that_training_lacks_are_a_sentence(tmp_path):
    pictures(tmp_path / "train", ("ant", "bee"))
    pictures(tmp_path / "test", ("ant", "dog"))
    with pytest.raises(SeesawError, match="classes that training lacks: dog"):
        task(f"folder[path={tmp_path}]").data(tmp_path, 0)


def test_digits_are_all_of_them():
    data = task("digits").data(None, 0)
    assert sum(len(split.labels) for split in (data.train, data.calibration, data.test)) == 1797
    x = data.scale(data.train.inputs)
    assert abs(float(x.mean())) < 0.05
    assert abs(float(x.std()) - 1) < 0.05


def test_digits_are_read_as_scikit_learn_reads_them():
    pixels, labels = digits._digits()
    theirs = load_digits()
    assert np.array_equal(pixels, theirs.images)
    assert np.array_equal(labels, theirs.target)


def test_a_mean_of_too_many_channels_is_a_sentence(tmp_path):
    arrays(tmp_path / "mnist")
    with pytest.raises(SeesawError, match="1 channels, and mean and std have 2 and 1"):
        task("mnist[mean=0.1:0.2]").data(tmp_path, 0)
    data = task("mnist[mean=0.5,std=0.5]").data(tmp_path, 0)
    assert data.scale(data.test.inputs).abs().max() <= 1


def test_sixteen_bits_opaque_alpha_and_grey_become_eight_bits(tmp_path):
    opaque = np.full((8, 8, 4), 155, np.uint8)
    opaque[..., 3] = 255
    for name, pixels in {
        "deep": np.full((8, 8), 40000, np.uint16),
        "alpha": opaque,
        "grey": np.full((8, 8), 155, np.uint8),
    }.items():
        for part in ("train", "test"):
            (tmp_path / part / name).mkdir(parents=True)
            for number in range(2):
                Image.fromarray(pixels).save(tmp_path / part / name / f"{number}.png")
    data = task(f"folder[path={tmp_path},size=8]").data(tmp_path, 0)
    assert data.test.inputs.unique().tolist() == [155]


def test_one_class_is_a_sentence(tmp_path):
    pictures(tmp_path / "all", ("only",))
    with pytest.raises(SeesawError, match="holds one class, only"):
        task(f"folder[path={tmp_path / 'all'}]").data(tmp_path, 0)


def test_other_data_in_an_official_place_are_other_data(tmp_path):
    arrays(tmp_path / "a" / "mnist")
    arrays(tmp_path / "b" / "mnist", count=90)
    one, other = (task("mnist").identity(tmp_path / name) for name in "ab")
    assert one["content"] != other["content"]
    assert task("mnist").identity(tmp_path / "nothing") == {}


def test_the_official_data_are_known_in_either_layout(tmp_path, monkeypatch):
    idx(tmp_path / "MNIST" / "raw")
    digest = task("mnist").identity(tmp_path)["content"]
    monkeypatch.setattr(type(task("mnist")), "official_digest", digest)
    assert task("mnist").identity(tmp_path) == {}
    data = read_idx(tmp_path / "MNIST" / "raw")
    for name, split in zip(("train", "test"), data, strict=True):
        write_arrays(tmp_path / "again" / "mnist" / f"{name}.npz", split)
    assert task("mnist").identity(tmp_path / "again") == {}


def test_gzipped_official_files_are_read(tmp_path):
    idx(tmp_path / "MNIST" / "raw", zipped=True)
    assert len(task("mnist").data(tmp_path, 0).test.labels) == 30


def test_a_folder_whose_content_changes_is_other_data(tmp_path):
    pictures(tmp_path / "mine")
    spec = f"folder[path={tmp_path / 'mine'}]"
    before = task(spec).identity(tmp_path)
    path = tmp_path / "mine" / "ant" / "1.png"
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(bytes(content))
    assert task(spec).identity(tmp_path) != before


def test_a_folders_scale_is_that_of_all_classes(tmp_path):
    tmp_path.joinpath("mine").mkdir()
    images = np.repeat(np.array([0, 255], dtype=np.uint8), 3000)[:, None, None].repeat(8, 1).repeat(8, 2)
    for name in ("train", "test"):
        np.savez(tmp_path / "mine" / f"{name}.npz", images=images, labels=np.repeat([0, 1], 3000))
    scale = task(f"folder[path={tmp_path / 'mine'},size=8,colour=grey]").data(tmp_path, 0).scale
    assert scale.mean[0] == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("labels", "shape", "hint"),
    [
        (np.full(9, -100), (8, 8), "from -100 on"),
        (np.full(9, 0.5), (8, 8), "whole `labels`"),
        (np.arange(9), (8, 8, 5), "5 channels"),
        (np.arange(0), (8, 8), "One image at least".lower()),
    ],
)
def test_arrays_that_make_no_sense_are_a_sentence(tmp_path, labels, shape, hint):
    for name in ("train", "test"):
        images = np.zeros((len(labels), *shape), dtype=np.uint8)
        np.savez(tmp_path / f"{name}.npz", images=images, labels=labels)
    with pytest.raises(SeesawError, match=hint):
        task(f"folder[path={tmp_path},size=8]").data(tmp_path, 0)


@pytest.mark.parametrize(
    ("counts", "fault"),
    [
        ((1, 1), "holds 2 images to train on"),
        ((1, 1, 1), "are left to train on"),
        ((1,) * 10, "class that the test split asks"),
    ],
)
def test_a_folder_of_one_image_a_class_is_a_sentence(tmp_path, counts, fault):
    for number, count in enumerate(counts):
        pictures(tmp_path / "all", [f"c{number}"], count)
    with pytest.raises(
        SeesawError, match=f"{fault}.* Give every class several images, or put those of each split"
    ):
        task(f"folder[path={tmp_path / 'all'},size=8]").data(tmp_path, 0)


def test_a_class_of_which_nothing_is_left_to_train_on_is_named(tmp_path, caplog):
    pictures(tmp_path / "train", ["ant", "bee"], 12)
    pictures(tmp_path / "train", ["cat"], 1)
    pictures(tmp_path / "test", ["ant", "bee", "cat"], 4)
    lost = [
        calibration
        for calibration in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
        if 2
        not in task(f"folder[path={tmp_path},size=8,calibration={calibration}]")
        .data(tmp_path, 0)
        .train.labels
    ]
    told = [line for line in caplog.messages if "no image of cat is left to train on" in line]
    assert 0 < len(lost) < 7
    assert len(told) == len(lost)


def test_more_of_a_users_mistakes_are_a_sentence(tmp_path):
    pictures(tmp_path / "train")
    for name in ("ant", "bee", "cat"):
        (tmp_path / "test" / name).mkdir(parents=True)
    with pytest.raises(SeesawError, match="holds no images"):
        task(f"folder[path={tmp_path}]").data(tmp_path, 0)
    pictures(tmp_path / "other")
    with pytest.raises(SeesawError, match="3 channels, and mean and std have 2"):
        task(f"folder[path={tmp_path / 'other'},mean=0.5:0.5,std=0.5:0.5]").data(tmp_path, 0)
    np.save(tmp_path / "x.npy", np.zeros(3))
    (tmp_path / "x.npy").rename(tmp_path / "train.npz")
    with pytest.raises(SeesawError, match="cannot be read"):
        task(f"folder[path={tmp_path}]").data(tmp_path, 0)
    Image.new("F", (9, 9)).save(tmp_path / "other" / "ant" / "f.tif")
    with pytest.raises(SeesawError, match="no known scale"):
        task(f"folder[path={tmp_path / 'other'}]").data(tmp_path, 0)


def test_cifar_10_is_read_from_its_official_files_and_only_where_their_sums_hold(tmp_path, monkeypatch):
    from torchvision.datasets import CIFAR10

    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (60, 3, 32, 32), dtype=np.uint8)
    rows = {f"data_batch_{n}": slice(10 * n - 10, 10 * n) for n in range(1, 6)} | {
        "test_batch": slice(50, 60)
    }
    sums = {}
    for name, taken in rows.items():
        labels = [place % 10 for place in range(60)][taken]
        data = pickle.dumps({"data": pixels[taken].reshape(10, -1), "labels": labels}, 2)
        (folder / name).write_bytes(data)
        sums[name] = hashlib.md5(data).hexdigest()
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": [str(n) for n in range(10)]}, 2))
    sums["batches.meta"] = hashlib.md5((folder / "batches.meta").read_bytes()).hexdigest()
    monkeypatch.setattr(
        "urllib.request.urlopen", lambda *args, **more: (_ for _ in ()).throw(OSError("no network"))
    )
    with pytest.raises(SeesawError, match=r"could not be downloaded.*other bytes than the official one"):
        task("cifar10").data(tmp_path, 0)  # pickles of other sums are not opened
    monkeypatch.setattr(CIFAR10, "train_list", [[name, sums[name]] for name in rows if name != "test_batch"])
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", sums["test_batch"]]])
    monkeypatch.setattr(
        CIFAR10, "meta", {"filename": "batches.meta", "key": "label_names", "md5": sums["batches.meta"]}
    )
    data = task("cifar10").data(tmp_path, 0)
    assert torch.equal(data.test.inputs, torch.from_numpy(pixels[50:]))
    assert data.test.labels.tolist() == list(range(10))
    assert len(data.train.labels) + len(data.calibration.labels) == 50
    assert task("cifar10").identity(tmp_path) == {}
