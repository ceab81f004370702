"""The labels of ImageNet's validation pictures, in the files by which people have them."""

from __future__ import annotations

from pathlib import Path

from bench import SeesawError, imagenet_wnids
from tasks.synsets import WNID, lines

NAME = "ILSVRC2012_val_{:08d}.JPEG"
KIT = Path("ILSVRC2012_devkit_t12", "data")
TRUTH, META = "ILSVRC2012_validation_ground_truth.txt", "meta.mat"
MOST_META = 1 << 24
FILES = ("LOC_val_solution.csv", "imagenet_2012_validation_synset_labels.txt", "val.txt", TRUTH)


def labels_file(folder: Path) -> Path:
    """The file of labels beside the pictures, above them, or in the development kit.

    Raises:
        SeesawError: there is none.
    """
    above = [folder, folder / "val", folder / KIT, folder.parent, *folder.parents[2:3]]
    for name in FILES:
        for place in above:
            if (place / name).is_file():
                return place / name
    raise SeesawError(
        f"The pictures of val in {folder} lie in no folders of classes, and no file of their labels is there. Put one into "
        f"{folder}: {', '.join(FILES[:3])}, or the folder {KIT.parent} of the development kit."
    )


def wnids_of(path: Path) -> dict[str, str]:
    """From each picture's name to its class.

    Raises:
        SeesawError: a line that names no class.
    """
    rows = lines(path)
    if path.name == TRUTH:
        by_number = _synsets(path.with_name(META))
        found = {NAME.format(number): by_number.get(row.strip(), "") for number, row in enumerate(rows, 1)}
    elif path.name.endswith("_labels.txt"):
        found = {NAME.format(number): row.strip() for number, row in enumerate(rows, 1)}
    elif path.suffix == ".csv":
        pairs = [row.split(",", 1) for row in rows[1:]]
        found = {f"{one[0]}.JPEG": one[-1].split(" ", 1)[0] for one in pairs}
    else:
        by_place = dict(enumerate(imagenet_wnids()))
        words = [row.split() for row in rows]
        found = {
            one[0].rpartition("/")[2]: by_place.get(int(one[-1]) if one[-1].isdecimal() else -1, "")
            for one in words
        }
    if wrong := next((name for name, wnid in found.items() if not WNID.fullmatch(wnid)), None):
        raise SeesawError(
            f"{path} gives {wrong} no class that ImageNet has. Put the release's own file there."
        )
    return found


def _synsets(path: Path) -> dict[str, str]:
    """From the development kit's numbers to wnids.

    Raises:
        SeesawError: its table is absent or no such table.
    """
    from scipy.io import loadmat

    try:
        if path.stat().st_size > MOST_META:
            raise ValueError(f"more than {MOST_META >> 20} MB")
        rows = loadmat(path, squeeze_me=True)["synsets"]
        return {str(int(row[0])): str(row[1]) for row in rows if int(row[4]) == 0}
    except Exception as error:  # the reader of these files raises almost anything
        raise SeesawError(
            f"{path} cannot be read as the development kit's table of classes ({error}). Put the kit's own file there, or a "
            f"file {FILES[0]}."
        ) from error
