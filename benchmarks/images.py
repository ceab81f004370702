"""Photographs a second and core, from files to what a network takes: Seesaw's loader beside torchvision's ImageFolder in a DataLoader.

    python benchmarks/images.py [--images 256] [--rounds 3] [--larger 1] [--folder DIR] [--memory 20000]

Both do what networks for ImageNet are trained with: a random resized crop of 224 x 224, mirroring, mean and deviation. The
pictures are made: 500 x 375 on average, about 90 kB, as ImageNet's are, or so many times as wide and high with --larger; --folder
takes train/WNID and val/WNID of yours. Times are those of the processor, over all threads and child processes, so other programs
change them little; rounds are interleaved. --memory instead decodes a folder of so many images of many sizes with the task `folder`
and says how much memory it took.

Seesaw's ways are: kept on disk, decoded in every epoch on purpose (anew=true; also without decoding large parts smaller, and
without simplejpeg), and as it goes on where the disk has no room, with the same pixels as kept.

Targets: 2 x as many as torchvision's, decoded anew in every epoch or kept on disk; at most 2 GB of memory.
Of these the first is missed for pictures of ImageNet's size: half the time is decoding, which nobody does faster without leaving
out pixels.
"""

import argparse
import functools
import io
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

WNIDS = ("n01440764", "n02102040", "n02979186", "n03000684")
BATCH = 64
DECODERS: dict[bool, object] = {}
"""What decodes plain JPEGs, by whether it is Pillow alone."""


def picture(rng: np.random.Generator, width: int, height: int, quality: int = 92) -> bytes:
    """A JPEG with shapes and grain, whose bytes a pixel are those of photographs."""
    from PIL import Image

    coarse = Image.fromarray(rng.integers(0, 255, (height // 24 + 2, width // 24 + 2, 3), dtype=np.uint8))
    image = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)).astype(np.int16)
    image += rng.normal(0, 9, (height, width, 1)).astype(np.int16)
    stream = io.BytesIO()
    Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def make(root: Path, count: int, sizes: Callable[[np.random.Generator], tuple[int, int]]) -> None:
    """A folder of train and val, with `count` pictures of four classes in train."""
    rng = np.random.default_rng(0)
    few = [picture(rng, *sizes(rng)) for _ in range(min(count, 256))]  # making is slower than reading
    for part, number in (("train", count), ("val", len(WNIDS) * 4)):
        for index in range(number):
            folder = root / part / WNIDS[index % len(WNIDS)]
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{index}.JPEG").write_bytes(few[index % len(few)])


def torchvisions(root: Path, workers: int) -> Iterator[object]:
    """Batches as torchvision's reference training makes them."""
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    chain = transforms.Compose([
        transforms.RandomResizedCrop(224), transforms.RandomHorizontalFlip(), transforms.ToTensor(), transforms.Normalize(mean, std),
    ])  # fmt: skip
    loader = DataLoader(
        datasets.ImageFolder(str(root / "train"), chain), BATCH, shuffle=True, num_workers=workers
    )
    yield None
    yield from loader


def seesaws(
    root: Path, kept: bool = False, more: str = "", smaller: bool = True, pillow: bool = False
) -> Iterator[object]:
    """Batches as the task imagenet makes them: kept on disk, or decoded anew as if that had no room.

    Args:
        root: the release's folder.
        kept: whether the disk has room.
        more: settings.
        smaller: whether JPEGs may be decoded at a part of their size.
        pillow: whether simplejpeg is taken for absent.
    """
    import tasks.encoded as encoded
    import tasks.jpeg as jpeg
    from bench import Stored, Task, choose
    from bench.kinds import stored
    from bench.runs.training.data import TrainData

    encoded.SMALL = encoded.IN_MEMORY = 0
    jpeg.TIMES = (8, 4, 2, 1) if smaller else (1,)
    jpeg.simplejpegs = functools.partial(DECODERS.setdefault, pillow, None if pillow else jpeg.simplejpegs())
    stored.FREE = 1.25 if kept else 1e30
    os.environ["SEESAW_CACHE"] = str(root.parent / ("kept" if kept else "none"))
    task = choose(Task, f'imagenet[path="{root}",classes={"+".join(WNIDS)},calibration=0.01{more}]').plugin
    data = task.data(root, 0)
    assert isinstance(data.train.inputs, Stored)
    recipe = task.about().recipe.model_copy(update={"batch": BATCH})
    serving = TrainData(data.lent, recipe, 0, 0, len(data.train.labels) // BATCH)
    yield None
    for batch in serving.train_dataloader():
        yield serving.on_after_batch_transfer(batch, 0)[0]


def decoded(root: Path) -> Iterator[object]:
    """Batches of pictures that Pillow decodes, of which nothing more is made: no loader that decodes anew by it is faster."""
    from PIL import Image

    files = sorted(root.glob("train/*/*.JPEG"))
    yield None
    for begin in range(0, len(files), BATCH):
        batch = []
        for file in files[begin : begin + BATCH]:
            with Image.open(file) as image:
                batch.append(image.convert("RGB"))
        yield [batch]


def spent() -> float:
    """Seconds of the processor, of this process and of its children that ended."""
    every = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in every)


def rate(batches: Callable[[], Iterator[object]]) -> float:
    """Images a second of the processor, once all is ready."""
    made = batches()
    next(made)
    begun = spent()
    count = sum(len(one[0] if isinstance(one, list) else one) for one in made)  # type: ignore[arg-type, index]
    return count / (spent() - begun)


def memory(count: int) -> None:
    """Read a folder of images of many sizes with the task `folder`, and train on it for one epoch's batches."""
    from bench import Task, choose
    from bench.runs.training.data import TrainData

    with tempfile.TemporaryDirectory() as folder:
        os.environ["SEESAW_CACHE"] = str(Path(folder, "cache"))
        root = Path(folder, "pictures")

        def sizes(rng: np.random.Generator) -> tuple[int, int]:
            return int(rng.integers(64, 1200)), int(rng.integers(64, 1200))

        make(root, count, sizes)
        begun = time.perf_counter()
        task = choose(Task, f"folder[path={root},size=224]").plugin
        data = task.data(root, 0)
        decoded = time.perf_counter() - begun
        recipe = task.about().recipe
        serving = TrainData(data.lent, recipe, 0, 0, len(data.train.labels) // recipe.batch)
        served = sum(len(batch.labels) for batch in serving.train_dataloader())
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(
            f"{count} images of 64 to 1,200 pixels a side at 224 x 224, {count * 224 * 224 * 3 / 1e9:.1f} GB as numbers:"
        )
        print(f"decoded once in {decoded:.0f} s, {served} served; {most:.2f} GB of memory at most "
              f"(target 2 GB {'met' if most <= 2 else 'missed'})")  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--larger", type=float, default=1.0)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--memory", type=int, metavar="N")
    given = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parents[1]))
    if given.memory:
        return memory(given.memory)
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "imagenet")
        if given.folder is not None:
            root.symlink_to(given.folder.resolve(), target_is_directory=True)
        else:
            larger = given.larger
            make(
                root,
                given.images,
                lambda rng: (int(larger * rng.normal(500, 60)), int(larger * rng.normal(375, 40))),
            )
        ways: dict[str, Callable[[], Iterator[object]]] = {
            "torchvision, in the process": lambda: torchvisions(root, 0),
            "torchvision, one worker": lambda: torchvisions(root, 1),
            "seesaw, kept on disk": lambda: seesaws(root, kept=True),
            "seesaw, anew=true": lambda: seesaws(root, more=",anew=true"),
            "the same, none smaller": lambda: seesaws(root, more=",anew=true", smaller=False),
            "the same, by Pillow": lambda: seesaws(root, more=",anew=true", pillow=True),
            "seesaw, no room on the disk": lambda: seesaws(root),
            "Pillow, decoding alone": lambda: decoded(root),
        }
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(given.rounds):
            for name, batches in ways.items():
                rates[name].append(rate(batches))
    usual = max(statistics.median(rates[name]) for name in ways if name.startswith("torchvision"))
    for name, found in rates.items():
        middle = statistics.median(found)
        print(
            f"{name + ':':30} {middle:6.0f} images a second and core ({min(found):.0f}-{max(found):.0f}), {middle / usual:.2f} x torchvision"
        )


if __name__ == "__main__":
    main()
