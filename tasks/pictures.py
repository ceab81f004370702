"""Folders of pictures: which file is an image of which class and split.

No file is taken, left out or bent without a word: `Pictures.notes` has a sentence for each kind of thing that is left out,
and what cannot be meant is an error. The same files give the same order, whatever system they lie on.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from bench import SeesawError

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}
JUNK = {
    "__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "system volume information", "lost+found",
    "__pycache__",
}  # fmt: skip
"""Names that systems leave behind, in small letters; names that begin with a dot are left behind, too."""
SPLITS = {
    "train": ("train", "training", "trainval"),
    "calibration": ("val", "valid", "validation", "dev", "devel", "development", "eval", "evaluation"),
    "test": ("test", "testing"),
}
"""Names of the folder of each split, in small letters and without what people write around them (`AROUND`)."""
SHORT = {"train": ("tr", "trn"), "calibration": ("va", "vl"), "test": ("te", "tst")}
"""Names that may be a class's as well: of splits where every folder has such a name."""
AROUND = re.compile(r"datasets?|data|sets?|images?|imgs?|seg|split|[\d\W_]+")
"""What stands around a split's name: `seg_train`, `train2017`, `Test Data`."""
FRAMED = {
    ".gif": b"",
    ".tif": b"",
    ".tiff": b"",
    ".webp": b"",
    ".png": b"acTL",
    ".jpg": b"MPF\0",
    ".jpeg": b"MPF\0",
}
"""Endings of files that may hold several pictures, with the mark near their beginning that says so where there is one."""
HEAD = 1 << 16
"""Bytes of a file in which such a mark stands."""


@dataclass(frozen=True)
class Pictures:
    """The image files below a folder.

    Attributes:
        names: of the classes, sorted.
        splits: the files of each split (`train`, perhaps `calibration`, `test`) with their labels, in one order on all
            systems; everything under `train` where the folder has no splits.
        notes: a sentence for each kind of thing that is left out.
    """

    names: tuple[str, ...]
    splits: dict[str, list[tuple[Path, int]]]
    notes: tuple[str, ...]

    @property
    def files(self) -> list[Path]:
        """All files that are taken."""
        return [path for split in self.splits.values() for path, _ in split]

    @classmethod
    def below(cls, root: Path) -> Pictures:
        """Find them.

        Raises:
            SeesawError: splits or classes that cannot be told apart, or a name that is no UTF-8.
        """
        folders, notes = _splits(root)
        names: tuple[str, ...] = ()
        splits: dict[str, list[tuple[Path, int]]] = {}
        others = [path for top in _above(root, folders) for path in _beside(top)]
        links = set(_dead(root.iterdir()))
        for split, folder in folders.items():
            classes = _classes(folder)
            images = {
                name: [path for path in _files(top) if _is_image(path)] for name, top in classes.items()
            }
            full = tuple(sorted(name for name, paths in images.items() if paths))
            empty = sorted(classes.keys() - set(full))
            if empty:
                notes.append(f"{folder} has classes without images, which are left out: {', '.join(empty)}.")
            if split == "train":
                names = full
            elif unknown := sorted(set(full) - set(names)):
                raise SeesawError(
                    f"{folder} has classes that training lacks: {', '.join(unknown)}. Add or remove them."
                )
            elif lacking := sorted(set(names) - classes.keys()):
                notes.append(
                    f"{folder} has no folder for {', '.join(lacking)}, so the {split} split has no such images."
                )
            splits[split] = [
                (path, label) for label, name in enumerate(names) for path in images.get(name, [])
            ]
            taken = {path for paths in images.values() for path in paths}
            others += [path for path in _files(folder) if path not in taken]
            tops = [folder, *(top for top in classes.values() if top.is_symlink())]
            links |= {path for top in tops for path in _links(top)} - set(tops)
        if others and names:
            notes.append(_left_out(root, others))
        if links:
            shown = ", ".join(sorted(str(path.relative_to(root)) for path in links)[:3])
            notes.append(
                f"{root}: {len(links)} links that lead nowhere, or from inside a class to another folder, are left out "
                f"({shown}{', ...' if len(links) > 3 else ''}). Copy what they should lead to."
            )
        return cls(names, splits, tuple(notes))


def _splits(root: Path) -> tuple[dict[str, Path], list[str]]:
    """The folder of each split, training first, and notes; the folder itself where it has no splits."""
    folders: dict[str, Path] = {}
    others: list[str] = []
    tops = _folders(root)
    short = all(split_named(folder.name, short=True) for folder in tops)
    for folder in tops:
        split = split_named(folder.name, short=short)
        if split is None:
            others.append(folder.name)
        elif split in folders:
            raise SeesawError(
                f"{root} has two folders for one split, {folders[split].name} and {folder.name}. Keep one of them."
            )
        else:
            folders[split] = folder
    if not folders:
        _check_classes(root, tops)
        return {"train": root}, []
    if "train" not in folders:
        these = " and ".join(folder.name for folder in folders.values())
        raise SeesawError(
            f"{root} has {these}, and no train. Name the folder of the training images train; a class of images needs "
            "another name than a split."
        )
    notes = [f"{root / name} lies beside the splits, and is left out." for name in others]
    if "test" not in folders and "calibration" in folders:
        folders["test"] = folders.pop("calibration")
        notes.append(f"{root} has no test: {folders['test'].name} is taken as the test split.")
    return {split: _inner(split, folders[split], notes) for split in SPLITS if split in folders}, notes


def split_named(name: str, *, short: bool = False) -> str | None:
    """The split that the name of a folder or a file means, or None; abbreviations count where they cannot be classes (`short`)."""
    bare = AROUND.sub("", _normal(name).lower())
    return next(
        (split for split in SPLITS if bare in SPLITS[split] or (short and bare in SHORT[split])), None
    )


def _inner(split: str, folder: Path, notes: list[str]) -> Path:
    """The folder with a split's classes, where an archive was unpacked into a folder of its own name: train/train."""
    tops = _folders(folder)
    if len(tops) == 1 and split_named(tops[0].name) == split and _folders(tops[0]):
        notes.append(f"{folder} holds {tops[0].name} alone, whose folders are taken as the classes.")
        return tops[0]
    return folder


def _above(root: Path, folders: dict[str, Path]) -> list[Path]:
    """The folders that hold splits, or one split's folder of its own name, and so no classes."""
    return (
        []
        if root in folders.values()
        else list(dict.fromkeys((root, *(one.parent for one in folders.values()))))
    )


def _beside(folder: Path) -> list[Path]:
    """The files that lie in a folder itself, without what systems leave behind."""
    return [path for path in folder.iterdir() if not is_junk(path.name) and path.is_file()]


def _check_classes(root: Path, tops: list[Path]) -> None:
    """See that the folders are classes, and no splits whose names are not known.

    Raises:
        SeesawError: none holds an image of its own, and all hold folders of the same names.
    """
    inner = [{_normal(path.name) for path in _folders(top)} for top in tops]
    if len(tops) < 2 or len(same := set.intersection(*inner)) < 2:
        return
    if not any(_is_image(path) for top in tops for path in top.iterdir()):
        names = [top.name for top in tops]
        raise SeesawError(
            f"{root} has {some_of(names)}, and each of them has {some_of(sorted(same))}: these are splits, or classes that are parted "
            "once more. Name the splits train and test (and val); else put the images of a class into one folder."
        )


def some_of(names: list[str]) -> str:
    """The first names, in words."""
    return f"{', '.join(names[:3])}{', ...' if len(names) > 3 else ''}"


def _classes(folder: Path) -> dict[str, Path]:
    """The folders of the classes, by name in one normal form of Unicode."""
    classes: dict[str, Path] = {}
    for top in _folders(folder):
        name = _normal(top.name)
        if name in classes:
            raise SeesawError(
                f"{folder} has two folders of one name, {name}, in two forms of Unicode. Keep one."
            )
        classes[name] = top
    return classes


def _folders(folder: Path) -> list[Path]:
    """The folders in a folder, in one order on all systems, without what systems leave behind."""
    folders = [path for path in folder.iterdir() if not is_junk(path.name) and path.is_dir()]
    return sorted(folders, key=lambda path: _normal(_utf8(path).name))


def _files(folder: Path) -> list[Path]:
    """All files below a folder, in one order on all systems, without what systems leave behind."""
    return sorted(_walked(folder), key=lambda path: _normal(_utf8(path).relative_to(folder).as_posix()))


def _walked(folder: Path) -> Iterator[Path]:
    for top, folders, names in os.walk(folder, followlinks=False):
        folders[:] = [name for name in folders if not is_junk(name)]
        yield from (path for name in names if not is_junk(name) and (path := Path(top, name)).is_file())


def _links(folder: Path) -> Iterator[Path]:
    """What lies below a folder, and is neither read as a file nor looked into: dead links, links to folders, pipes."""
    for top, folders, names in os.walk(folder, followlinks=False):
        folders[:] = [name for name in folders if not is_junk(name)]
        yield from (path for name in folders if (path := Path(top, name)).is_symlink())
        yield from _dead(Path(top, name) for name in names)


def _dead(paths: Iterable[Path]) -> Iterator[Path]:
    """Those that are neither a file nor a folder."""
    return (path for path in paths if not is_junk(path.name) and not path.is_file() and not path.is_dir())


def is_junk(name: str) -> bool:
    """Whether a name is one of those that systems leave behind."""
    return name.startswith(".") or name.lower() in JUNK


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def _normal(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _utf8(path: Path) -> Path:
    """A path whose name is UTF-8.

    Raises:
        SeesawError: it is not.
    """
    try:
        path.name.encode()
    except UnicodeEncodeError as error:
        raise SeesawError(
            f"The name {path.name!r} in {str(path.parent)!a} is no UTF-8. Rename it."
        ) from error
    return path


def _left_out(root: Path, paths: list[Path]) -> str:
    """A sentence about files that are no images, or lie in no class's folder."""
    endings = Counter(
        "images in no class's folder" if _is_image(path) else path.suffix or path.name for path in paths
    )
    kinds = ", ".join(f"{count} x {ending}" for ending, count in endings.most_common(5))
    return f"{root}: {len(paths)} files are left out ({kinds}{', ...' if len(endings) > 5 else ''})."


def framed_note(root: Path, paths: Iterable[Path]) -> str | None:
    """A sentence about files that hold several pictures, of which the first is taken; None where there are none."""
    count = sum(_has_frames(path) for path in paths if path.suffix.lower() in FRAMED)
    if not count:
        return None
    return (
        f"{root}: {count} files hold several pictures (moving ones, or pages), of which the first is taken. Save the others as "
        "files of their own to use them."
    )


def _has_frames(path: Path) -> bool:
    """Whether a file holds several pictures; one that is broken is named when it is decoded."""
    try:
        if mark := FRAMED[path.suffix.lower()]:
            with path.open("rb") as file:
                if mark not in file.read(HEAD):
                    return False
        with Image.open(path) as picture:
            return bool(getattr(picture, "is_animated", False))
    except (OSError, Image.DecompressionBombError, SyntaxError, ValueError, EOFError):
        return False
