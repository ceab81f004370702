"""ImageNet (ILSVRC 2012; Russakovsky et al., IJCV 2015), whole or some of its classes, from the official release's files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import torch
from pydantic import AfterValidator, Field

from bench import (
    About,
    Count,
    Data,
    FolderPath,
    Positive,
    Preprocessing,
    Recipe,
    Sample,
    Scale,
    SeesawError,
    Split,
    hold_out,
    imagenet_wnids,
)
from tasks.encoded import Encoded
from tasks.fit import Fit
from tasks.images import ImageTask
from tasks.synsets import WNID, by_folder, by_list, listed, wnids_below
from tasks.tars import InTar, members
from tasks.validation import labels_file, wnids_of

TRAIN_TAR, VAL_TAR = "ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar"
KAGGLE = Path("ILSVRC", "Data", "CLS-LOC")
ROOM = 8 / 7
"""Side of training images over that of the network's: room for random crops."""
LAYOUTS = (
    f"either folders train/WNID and val/WNID with the pictures, or the official {TRAIN_TAR} and {VAL_TAR}. Where pictures of "
    "val lie in no folders of classes, put a file of their labels beside them: LOC_val_solution.csv, val.txt, "
    "imagenet_2012_validation_synset_labels.txt, or the development kit's folder"
)
SUBSETS = {
    "imagenette": "n01440764 n02102040 n02979186 n03000684 n03028079 n03394916 n03417042 n03425413 n03445777 n03888257",
    "imagewoof": "n02086240 n02087394 n02088364 n02089973 n02093754 n02096294 n02099601 n02105641 n02111889 n02115641",
    "100": """
        n01558993 n01692333 n01729322 n01735189 n01749939 n01773797 n01820546 n01855672 n01978455 n01980166
        n01983481 n02009229 n02018207 n02085620 n02086240 n02086910 n02087046 n02089867 n02089973 n02090622
        n02091831 n02093428 n02099849 n02100583 n02104029 n02105505 n02106550 n02107142 n02108089 n02109047
        n02113799 n02113978 n02114855 n02116738 n02119022 n02123045 n02138441 n02172182 n02231487 n02259212
        n02326432 n02396427 n02483362 n02488291 n02701002 n02788148 n02804414 n02859443 n02869837 n02877765
        n02974003 n03017168 n03032252 n03062245 n03085013 n03259280 n03379051 n03424325 n03492542 n03494278
        n03530642 n03584829 n03594734 n03637318 n03642806 n03764736 n03775546 n03777754 n03785016 n03787032
        n03794056 n03837869 n03891251 n03903868 n03930630 n03947888 n04026417 n04067472 n04099969 n04111531
        n04127249 n04136333 n04229816 n04238763 n04336792 n04418357 n04429376 n04435653 n04485082 n04493381
        n04517823 n04589890 n04592741 n07714571 n07715103 n07753275 n07831146 n07836838 n13037406 n13040303
    """,
}
"""Classes of usual subsets: Imagenette and Imagewoof (Howard 2019), and the hundred of Tian et al. (ECCV 2020)."""


class Imagenet(ImageTask):
    """ImageNet: photographs of many sizes, 1,000 classes or some of them; the test split is the validation split."""

    folder: ClassVar[str] = "imagenet"

    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    """of each channel on the scale 0..1, subtracted; weights that bring their own are measured with it"""
    std: tuple[Positive, ...] = (0.229, 0.224, 0.225)
    """of each channel on the scale 0..1, divided by; as mean"""
    path: Annotated[FolderPath, AfterValidator(lambda path: str(Path(path)) if path else path)] = ""
    """the folder; imagenet below the folder of data sets where left out"""
    subset: Literal["all", "imagenette", "imagewoof", "100"] = "all"
    """which classes: all, or those of a usual subset"""
    classes: str = ""
    """instead: wnids of the classes, such as n01440764+n02102040"""
    size: Annotated[int, Field(ge=16, le=1024)] | None = None
    """height and width for the network; where left open, those of its published weights, or 224"""
    crop: Annotated[float, Field(gt=0, le=1)] | None = None
    """share of the shorter side that test images show; where left open, that of published weights, or 0.875"""
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] | None = None
    """of scaling; where left open, that of published weights, or bilinear"""
    epochs: Count = 90
    """passes over the train split"""
    anew: bool = False
    """whether training images are decoded in every epoch, random parts out of whole pictures; else once, their middle kept on disk"""

    @property
    def wnids(self) -> tuple[str, ...]:
        """The classes, sorted.

        Raises:
            SeesawError: one that ImageNet has not, or fewer than two.
        """
        usual = tuple(SUBSETS.get(self.subset, "").split()) or imagenet_wnids()
        chosen = tuple(self.classes.split("+")) if self.classes else usual
        if self.classes and self.subset != "all":
            raise SeesawError("classes= and subset= both choose classes. Leave one out.")
        known = set(imagenet_wnids())
        if wrong := next((wnid for wnid in chosen if not WNID.fullmatch(wnid) or wnid not in known), None):
            raise SeesawError(
                f"{wrong!r} is none of ImageNet's classes. Name wnids, joined by '+': n01440764+n02102040."
            )
        if len(set(chosen)) < 2:
            raise SeesawError("One class is nothing to tell apart. Name two at least, joined by '+'.")
        return tuple(sorted(set(chosen)))

    @property
    def side(self) -> int:
        """Height and width for the network."""
        return self.size or 224

    def about(self) -> About:
        wnids = self.wnids
        recipe = Recipe(
            epochs=self.epochs, batch=256, optimizer="sgd", lr=0.1, weight_decay=1e-4, flip=True, zoom=0.08
        )
        return About(len(wnids), Sample((3, self.side, self.side)), recipe, wnids)

    def fitted(self, inputs: Preprocessing) -> Self:
        own = {"size": inputs.size, "crop": inputs.crop, "interpolation": inputs.interpolation}
        return self.model_copy(
            update={name: value for name, value in own.items() if getattr(self, name) is None}
        )

    def identity(self, root: Path) -> dict[str, Any]:
        """A digest of the names, and of some pictures: a part of the release is other data."""
        try:
            train, test = self._found(root)
        except SeesawError:
            return {}  # there is nothing to run on; data() says so
        return {"files": f"{train.identity()}{test.identity()}"}

    def data(self, root: Path, seed: int) -> Data:
        train, test = self._found(root)
        train, test = train.some(self.train), test.some(self.test)
        scaling = self.interpolation or "bilinear"
        room = Fit(round(ROOM * self.side), interpolation=scaling, turned=False, quick=True)
        fit = Fit(self.side, crop=self.crop or 0.875, interpolation=scaling, turned=False)
        places = Split(torch.arange(len(train)), torch.from_numpy(train.labels))
        own, held = hold_out(places, max(1, round(self.calibration * len(train))))
        scale = Scale(self.mean, self.std, self.side)
        tested = test.split(fit)
        return Data(
            train.at(own.inputs.numpy()).split(room, self.anew),
            train.at(held.inputs.numpy()).split(fit),
            self.distort(tested, scale),
            scale,
        )

    def _root(self, root: Path) -> Path:
        own = Path(self.path).expanduser() if self.path else root / self.folder
        return own / KAGGLE if (own / KAGGLE).is_dir() else own

    def _found(self, root: Path) -> tuple[Encoded, Encoded]:
        """The pictures for training and for the test.

        Raises:
            SeesawError: no release there, another layout, or classes without pictures.
        """
        folder = self._root(root)
        train, test = _train(folder, self.wnids), _validation(folder, self.wnids)
        for name, one in (("train", train), ("val", test)):
            if one is None:
                raise SeesawError(
                    f"There is no {name} split of ImageNet in {folder}. Put there {LAYOUTS}; or name another folder: "
                    "imagenet[path=DIR]."
                )
            there = set(one.labels.tolist())
            absent = [wnid for label, wnid in enumerate(self.wnids) if label not in there]
            if absent:
                raise SeesawError(
                    f"{name} in {folder} has no pictures of {len(absent)} of {len(self.wnids)} classes, such as {absent[0]}. "
                    "Add them, or name the classes that are there: subset=... or classes=n...+n..."
                )
        assert train is not None
        assert test is not None
        return train, test


def _train(folder: Path, wnids: Sequence[str]) -> Encoded | None:
    if wnids_below(folder / "train"):
        return by_folder(folder, "train", wnids)
    tar = folder / TRAIN_TAR
    if not tar.exists():
        return None
    by_class = members(tar)
    taken = [
        (one, label)
        for label, wnid in enumerate(wnids)
        for one in sorted(by_class.get(wnid, []), key=lambda member: member.name)
    ]
    return InTar(tar, [one for one, _ in taken], np.array([label for _, label in taken], np.int64))


def _validation(folder: Path, wnids: Sequence[str]) -> Encoded | None:
    if wnids_below(folder / "val"):
        return by_folder(folder, "val", wnids)
    if (folder / "val").is_dir():
        path = labels_file(folder)
        return by_list(folder, "val", wnids_of(path), wnids, path)
    tar = folder / VAL_TAR
    if not tar.exists():
        return None
    path = labels_file(folder)
    by_name = {one.name: one for group in members(tar).values() for one in group}
    taken = listed(wnids_of(path), wnids, by_name.keys(), path, tar)
    return InTar(tar, [by_name[name] for name, _ in taken], np.array([label for _, label in taken], np.int64))
