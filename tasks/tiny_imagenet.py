"""Tiny ImageNet (Stanford, CS231n 2015): 200 of ImageNet's classes, 64 x 64 in colour, 500 and 50 images of each."""

from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field

from bench import About, Count, Data, Positive, Recipe, Sample, Scale, SeesawError
from tasks.encoded import Encoded
from tasks.fit import Fit
from tasks.images import ImageTask
from tasks.synsets import by_folder, by_list, lines, wnids_below

SIDE = 64
ARCHIVE = "tiny-imagenet-200"
ANNOTATIONS = "val_annotations.txt"


class TinyImagenet(ImageTask):
    """Tiny ImageNet: photographs, 64 x 64 in colour, 200 classes; the test split is its validation split."""

    folder: ClassVar[str] = ARCHIVE

    mean: tuple[float, ...] = (0.4802, 0.4481, 0.3975)
    """of each channel on the scale 0..1, subtracted; weights that bring their own are measured with it"""
    std: tuple[Positive, ...] = (0.2770, 0.2691, 0.2821)
    """of each channel on the scale 0..1, divided by; as mean"""
    classes: Annotated[int, Field(ge=2, le=200)] = 200
    """how many: the first of those that the archive has, in the order of their wnids"""
    epochs: Count = 60
    """passes over the train split"""

    def about(self) -> About:
        recipe = Recipe(
            epochs=self.epochs, batch=128, optimizer="sgd", lr=0.1, weight_decay=5e-4, crop=8, flip=True
        )
        return About(self.classes, Sample((3, SIDE, SIDE)), recipe)

    def names_below(self, root: Path) -> tuple[str, ...]:
        return tuple(wnids_below(root / ARCHIVE / "train")[: self.classes])

    def identity(self, root: Path) -> dict[str, Any]:
        """A digest of names and of some pictures: a part of the archive is other data."""
        try:
            train, test = self._found(root)
        except SeesawError:
            return {}  # there is nothing to run on; data() says so
        return {"files": f"{train.identity()}{test.identity()}"}

    def data(self, root: Path, seed: int) -> Data:
        fit = Fit(SIDE, turned=False)
        train, test = (one.split(fit) for one in self._found(root))
        return self._parted(train, test, Scale(self.mean, self.std))

    def _found(self, root: Path) -> tuple[Encoded, Encoded]:
        """The pictures for training and for the test.

        Raises:
            SeesawError: no archive, or another layout.
        """
        folder = root / ARCHIVE
        every = wnids_below(folder / "train")
        if not every:
            packed = folder.with_name(f"{ARCHIVE}.zip")
            what = f"{packed} is still packed" if packed.exists() else f"There is no {folder / 'train'}"
            raise SeesawError(
                f"{what}. Unpack {ARCHIVE}.zip (cs231n.stanford.edu) into {root}, so that {folder} has train, val and "
                "wnids.txt, or name the folder that has it with SEESAW_DATA."
            )
        if len(every) < self.classes:
            raise SeesawError(
                f"{folder} has {len(every)} classes and not {self.classes}. Unpack the whole archive, or take what is there: "
                f"tiny-imagenet[classes={len(every)}]."
            )
        wnids = every[: self.classes]
        train = by_folder(folder, "train", wnids, "images")
        test = self._validation(folder, wnids)
        for name, one in (("train", train), ("val", test)):
            if len(set(one.labels.tolist())) < len(wnids):
                raise SeesawError(
                    f"{folder / name} has pictures of {len(set(one.labels.tolist()))} of {len(wnids)} classes. Unpack the "
                    "archive again; pictures lie in train/WNID/images and val/images."
                )
        return train, test

    def _validation(self, folder: Path, wnids: list[str]) -> Encoded:
        listed = folder / "val" / ANNOTATIONS
        if not listed.exists() and wnids_below(folder / "val"):  # as many people lay it out anew
            inner = "images" if (folder / "val" / wnids[0] / "images").is_dir() else ""
            return by_folder(folder, "val", wnids, inner)
        rows = [line.split("\t") for line in lines(listed)]
        if short := next((row for row in rows if len(row) < 2), None):
            raise SeesawError(
                f"{listed} has a line without a class, {short[0]!r}. Put the archive's file there."
            )
        return by_list(folder, "val/images", {row[0]: row[1] for row in rows}, wnids, listed)
