"""ImageNet and Tiny ImageNet in the layouts in which people have them, made small.

Covers: tasks/tiny_imagenet.py, tasks/encoded.py, tasks/synsets.py, tasks/tars.py, tasks/validation.py
"""

import io
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image

from bench import SeesawError, Stored, Task, choose
from bench.records.setup import Preprocessing
from bench.runs.training.data import TrainData
from bench.testing import check_task
from tasks.tars import members

WNIDS = ("n01440764", "n02102040")
SPEC = "imagenet[classes=n02102040+n01440764,size=16]"


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SEESAW_CACHE", str(tmp_path / "cache"))


def jpeg(value, size=(40, 30)):
    stream = io.BytesIO()
    Image.new("RGB", size, (value, value, value)).save(stream, "JPEG")
    return stream.getvalue()


def encoded(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG")
    return stream.getvalue()


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def pictures(wnid, count=12):
    label = WNIDS.index(wnid)
    return {f"{wnid}_{number}.JPEG": jpeg(60 + 100 * label, (40 + number, 30)) for number in range(count)}


def train_folders(root):
    for wnid in WNIDS:
        for name, data in pictures(wnid).items():
            write(root / "train" / wnid / name, data)


def packed(path, files):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, data in files.items():
            about = tarfile.TarInfo(name)
            about.size = len(data)
            archive.addfile(about, io.BytesIO(data))


def packed_bytes(tmp_path, files):
    packed(tmp_path / "inner.tar", files)
    return (tmp_path / "inner.tar").read_bytes()


VALIDATION = {
    f"ILSVRC2012_val_{number:08d}.JPEG": (WNIDS[number % 2], jpeg(60 + 100 * (number % 2)))
    for number in range(1, 7)
}


def val_flat(root):
    for name, (_, data) in VALIDATION.items():
        write(root / "val" / name, data)


def labels_of(root, name):
    wnids = [wnid for wnid, _ in VALIDATION.values()]
    text = {
        "LOC_val_solution.csv": "ImageId,PredictionString\n"
        + "".join(f"{key[:-5]},{wnid} 1 2 3 4 \n" for key, (wnid, _) in VALIDATION.items()),
        "imagenet_2012_validation_synset_labels.txt": "\n".join(wnids) + "\n",
        "val.txt": "".join(
            f"{key} {0 if wnid == WNIDS[0] else 217}\n" for key, (wnid, _) in VALIDATION.items()
        ),
    }[name]
    write(root / name, text.encode())


def seen(data):
    """The classes whose pictures are bright, by split."""
    return [
        split.labels[split.inputs[:, 0, 8, 8] > 110].unique().tolist() for split in (data.train, data.test)
    ]


def test_folders_of_classes_are_read(tmp_path):
    root = tmp_path / "imagenet"
    train_folders(root)
    for name, (wnid, data) in VALIDATION.items():
        write(root / "val" / wnid / name, data)
    task = choose(Task, SPEC).plugin
    check_task(task, tmp_path)
    data = task.data(tmp_path, 0)
    assert task.about().names == WNIDS
    assert [tuple(one.inputs.shape) for one in (data.train, data.calibration, data.test)] == [
        (22, 3, 18, 18), (2, 3, 16, 16), (6, 3, 16, 16),
    ]  # fmt: skip
    assert seen(data) == [[1], [1]]
    assert data.scale(data.train.inputs[:1]).shape == (1, 3, 16, 16)


@pytest.mark.parametrize(
    "name", ["LOC_val_solution.csv", "imagenet_2012_validation_synset_labels.txt", "val.txt"]
)
def test_pictures_of_val_are_labelled_by_the_files_that_people_have(tmp_path, name):
    root = tmp_path / "imagenet"
    train_folders(root)
    val_flat(root)
    labels_of(root, name)
    assert seen(choose(Task, SPEC).plugin.data(tmp_path, 0)) == [[1], [1]]


def test_the_development_kits_table_is_read(tmp_path):
    from scipy.io import savemat

    root = tmp_path / "imagenet"
    train_folders(root)
    val_flat(root)
    kit = root / "ILSVRC2012_devkit_t12" / "data"
    numbers = ["490" if wnid == WNIDS[0] else "3" for wnid, _ in VALIDATION.values()]
    write(kit / "ILSVRC2012_validation_ground_truth.txt", "\n".join(numbers).encode())
    fields = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), ("gloss", "O"), ("num_children", "O")]
    rows = [(490, WNIDS[0], "a", "b", 0), (3, WNIDS[1], "a", "b", 0), (1001, "n00001740", "a", "b", 5)]
    savemat(kit / "meta.mat", {"synsets": np.array(rows, dtype=fields)})
    assert seen(choose(Task, SPEC).plugin.data(tmp_path, 0)) == [[1], [1]]


def test_the_official_archives_are_read_where_they_lie(tmp_path):
    root = tmp_path / "imagenet"
    inner = {f"{wnid}.tar": packed_bytes(tmp_path, pictures(wnid)) for wnid in WNIDS}
    packed(root / "ILSVRC2012_img_train.tar", inner)
    packed(root / "ILSVRC2012_img_val.tar", {name: data for name, (_, data) in VALIDATION.items()})
    labels_of(root, "LOC_val_solution.csv")
    task = choose(Task, SPEC).plugin
    data = task.data(tmp_path, 0)
    assert seen(data) == [[1], [1]]
    train_folders(tmp_path / "folders" / "imagenet")
    val_flat(tmp_path / "folders" / "imagenet")
    labels_of(tmp_path / "folders" / "imagenet", "LOC_val_solution.csv")
    other = task.data(tmp_path / "folders", 0)
    for one, two in zip((*data.train, *data.test), (*other.train, *other.test), strict=True):
        assert torch.equal(one, two)


def test_a_name_in_an_archive_never_becomes_a_path(tmp_path):
    packed(tmp_path / "x.tar", {"../../etc/evil.JPEG": b"1", "/abs.JPEG": b"22"})
    with tarfile.open(tmp_path / "x.tar", "a") as archive:
        link = tarfile.TarInfo("link.JPEG")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    assert [(one.name, one.size) for one in members(tmp_path / "x.tar")[""]] == [
        ("evil.JPEG", 1),
        ("abs.JPEG", 2),
    ]


def test_archives_that_are_cut_short_or_packed_are_a_sentence(tmp_path):
    packed(tmp_path / "x.tar", {"a.JPEG": bytes(5000)})
    data = (tmp_path / "x.tar").read_bytes()
    (tmp_path / "short.tar").write_bytes(data[:2000])
    (tmp_path / "no.tar").write_bytes(b"\x1f\x8b" + bytes(3000))
    for name in ("short", "no"):
        with pytest.raises(SeesawError, match=rf"{name}.tar cannot be read as a tar archive.*Fetch it again"):
            members(tmp_path / f"{name}.tar")


def test_what_is_missing_is_a_sentence(tmp_path):
    task = choose(Task, SPEC).plugin
    with pytest.raises(SeesawError, match=r"no train split of ImageNet.*folders train/WNID.*path=DIR"):
        task.data(tmp_path, 0)
    root = tmp_path / "imagenet"
    train_folders(root)
    val_flat(root)
    with pytest.raises(SeesawError, match=r"no file of their labels is there. Put one into"):
        task.data(tmp_path, 0)
    labels_of(root, "val.txt")
    with pytest.raises(SeesawError, match=r"has no pictures of 8 of 10 classes, such as n02979186"):
        choose(Task, "imagenet[subset=imagenette,size=16]").plugin.data(tmp_path, 0)
    (root / "val" / "ILSVRC2012_val_00000003.JPEG").unlink()
    with pytest.raises(SeesawError, match=r"lists 1 pictures that are not in"):
        task.data(tmp_path, 0)
    write(root / "val.txt", b"ILSVRC2012_val_00000001.JPEG 1000\n")
    with pytest.raises(SeesawError, match=r"gives ILSVRC2012_val_00000001.JPEG no class"):
        task.data(tmp_path, 0)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("imagenet[classes=n99999999+n01440764]", "none of ImageNet's classes"),
        ("imagenet[classes=n01440764]", "One class is nothing to tell apart"),
        ("imagenet[subset=100,classes=n01440764+n02102040]", "both choose classes"),
    ],
)
def test_classes_that_make_no_sense_are_a_sentence(spec, words):
    with pytest.raises(SeesawError, match=words):
        choose(Task, spec).plugin.about()


def test_subsets_have_as_many_classes_as_they_say():
    sizes = {
        name: choose(Task, f"imagenet[subset={name}]").plugin.about().classes
        for name in ("all", "100", "imagewoof")
    }
    assert sizes == {"all": 1000, "100": 100, "imagewoof": 10}


def test_images_take_the_size_of_the_weights_where_that_is_open(tmp_path):
    inputs = Preprocessing(mean=(0.5,) * 3, std=(0.5,) * 3, size=24, interpolation="bicubic", crop=0.9)
    task = choose(Task, "imagenet[classes=n02102040+n01440764]").plugin
    assert task.fitted(inputs).about().sample.shape == (3, 24, 24)
    assert choose(Task, SPEC).plugin.fitted(inputs).about().sample.shape == (3, 16, 16)


def test_many_images_stay_on_disk_and_are_the_same(tmp_path, monkeypatch):
    root = tmp_path / "imagenet"
    train_folders(root)
    val_flat(root)
    labels_of(root, "val.txt")
    task = choose(Task, SPEC).plugin
    small = task.data(tmp_path, 0)
    monkeypatch.setattr("tasks.encoded.SMALL", 0)
    monkeypatch.setattr("tasks.encoded.IN_MEMORY", 0)
    stored = task.data(tmp_path, 0)
    assert isinstance(stored.train.inputs, Stored)
    assert list((tmp_path / "cache" / "inputs").glob("*.u8"))
    monkeypatch.setattr("bench.kinds.stored.FREE", 1e15)
    monkeypatch.setenv("SEESAW_CACHE", str(tmp_path / "full"))
    anew = task.data(tmp_path, 0)
    for one in (stored, anew):
        assert torch.equal(one.train.inputs[:], small.train.inputs)
        assert torch.equal(one.test.inputs[torch.tensor([3, 0])], small.test.inputs[[3, 0]])
    with pytest.raises(SeesawError, match="change images in memory"):
        choose(Task, SPEC.replace("size", "noise=1,size")).plugin.data(tmp_path, 0)


def test_training_images_may_be_decoded_anew_and_parts_be_cut_from_whole_ones(tmp_path):
    root = tmp_path / "imagenet"
    train_folders(root)
    for wnid in WNIDS:  # black on the left, which no square in the middle shows
        pixels = np.full((30, 90, 3), 250, np.uint8)
        pixels[:, :25] = 0
        write(root / "train" / wnid / "wide.JPEG", encoded(pixels))
    val_flat(root)
    labels_of(root, "val.txt")
    kept = choose(Task, SPEC).plugin.data(tmp_path, 0)
    task = choose(Task, SPEC.replace("size", "anew=true,size")).plugin
    data = task.data(tmp_path, 0)
    assert torch.equal(data.train.inputs[:], kept.train.inputs)
    assert torch.equal(data.calibration.inputs, kept.calibration.inputs)
    assert torch.equal(data.test.inputs, kept.test.inputs)

    def epoch(data, seed=0):
        recipe = task.about().recipe.model_copy(update={"batch": 4})
        served = TrainData(data.lent, recipe, seed, 0, len(data.train.labels) // 4)
        batches = [served.on_after_batch_transfer(batch, 0) for batch in served.train_dataloader()]
        return torch.cat([x for x, _ in batches]), torch.cat([labels for _, labels in batches])

    (images, labels), (again, _), (middles, same) = epoch(data), epoch(data), epoch(kept)
    assert images.shape[1:] == (3, 16, 16)
    assert torch.equal(images, again)
    assert torch.equal(labels, same)
    assert images.min() < middles.min() - 0.5
    assert not torch.equal(epoch(data, 1)[0], images)


def test_a_changed_picture_is_decoded_anew(tmp_path, monkeypatch):
    monkeypatch.setattr("tasks.encoded.SMALL", 0)
    root = tmp_path / "imagenet"
    train_folders(root)
    val_flat(root)
    labels_of(root, "val.txt")
    task = choose(Task, SPEC).plugin
    before = task.data(tmp_path, 0).test.inputs
    write(root / "val" / "ILSVRC2012_val_00000001.JPEG", jpeg(255))
    after = task.data(tmp_path, 0).test.inputs
    assert (before != after).flatten(1).any(1).tolist() == [True, *[False] * 5]


def test_a_small_file_that_announces_very_many_pixels_is_not_decoded(tmp_path):
    root = tmp_path / "imagenet"
    train_folders(root)
    val_flat(root)
    labels_of(root, "val.txt")
    data = bytearray(jpeg(9))
    place = data.index(b"\xff\xc0") + 5
    data[place : place + 4] = (10000).to_bytes(2, "big") * 2
    write(root / "val" / "ILSVRC2012_val_00000002.JPEG", bytes(data))
    with pytest.raises(SeesawError, match=r"00000002.JPEG is no whole image \(10000 x 10000 pixels"):
        choose(Task, SPEC).plugin.data(tmp_path, 0)


def tiny(root):
    folder = root / "tiny-imagenet-200"
    for wnid in WNIDS:
        for number in range(10):
            write(
                folder / "train" / wnid / "images" / f"{wnid}_{number}.JPEG",
                jpeg(60 + 100 * WNIDS.index(wnid), (64, 64)),
            )
    rows = []
    for number in range(6):
        write(folder / "val" / "images" / f"val_{number}.JPEG", jpeg(60 + 100 * (number % 2), (64, 64)))
        rows.append(f"val_{number}.JPEG\t{WNIDS[number % 2]}\t0\t0\t63\t63\n")
    write(folder / "val" / "val_annotations.txt", "".join(rows).encode())
    return folder


def test_tiny_imagenet_is_read_as_its_archive_has_it(tmp_path):
    folder = tiny(tmp_path)
    task = choose(Task, "tiny-imagenet[classes=2]").plugin
    check_task(task, tmp_path)
    data = task.data(tmp_path, 0)
    assert seen(data) == [[1], [1]]
    assert task.names_below(tmp_path) == WNIDS
    before = task.identity(tmp_path)
    (folder / "train" / WNIDS[0] / "images" / f"{WNIDS[0]}_3.JPEG").unlink()
    assert task.identity(tmp_path) != before


def test_tiny_imagenet_says_what_is_missing(tmp_path):
    task = choose(Task, "tiny-imagenet").plugin
    with pytest.raises(SeesawError, match=r"There is no .*Unpack tiny-imagenet-200.zip.*SEESAW_DATA"):
        task.data(tmp_path, 0)
    (tmp_path / "tiny-imagenet-200.zip").touch()
    with pytest.raises(SeesawError, match="is still packed"):
        task.data(tmp_path, 0)
    folder = tiny(tmp_path)
    with pytest.raises(SeesawError, match=r"has 2 classes and not 200.*tiny-imagenet\[classes=2\]"):
        task.data(tmp_path, 0)
    write(folder / "val" / "val_annotations.txt", b"../../../secret.JPEG\tn01440764\t0\n")
    with pytest.raises(SeesawError, match="lists 1 pictures that are not in"):
        choose(Task, "tiny-imagenet[classes=2]").plugin.data(tmp_path, 0)
