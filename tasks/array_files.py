"""Arrays below a folder: which npz or idx file is which split, what lies beside them, and labels that cannot be meant."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench import SeesawError, Split
from tasks.images import idx_files, read_arrays, read_idx
from tasks.pictures import is_junk, some_of, split_named

log = logging.getLogger("seesaw")

MOST_CLASSES = 1 << 16
"""A label beyond it is no class's number."""


@dataclass(frozen=True)
class ArrayFiles:
    """The files of arrays in a folder, where its training samples are arrays.

    Attributes:
        root: the folder.
        npz: the file of each split (`train`, perhaps `calibration` and `test`); empty for idx files.
        idx: the four idx files; empty for npz files.
        notes: a sentence for each kind of thing that is left out or taken otherwise than its name has it.
    """

    root: Path
    npz: dict[str, Path]
    idx: tuple[Path, ...]
    notes: tuple[str, ...]

    @property
    def files(self) -> list[Path]:
        """All files that are taken; none where the training samples are no arrays."""
        return [*self.npz.values(), *self.idx]

    @classmethod
    def below(cls, root: Path) -> ArrayFiles:
        """Find them.

        Raises:
            SeesawError: two files for one split.
        """
        npz, notes = _npz(root)
        idx = () if npz else tuple(idx_files(root))
        taken = {*npz.values(), *idx}
        others = sorted(path.name for path in root.iterdir() if path not in taken and not is_junk(path.name))
        if taken and others:
            notes.append(f"{root}: {some_of(others)} beside the arrays are left out.")
        return cls(root, npz, idx, tuple(notes))

    def splits(self) -> dict[str, Split]:
        """The arrays of each split, as they are in the files.

        Raises:
            SeesawError: a file that is not whole, or labels that cannot be meant.
        """
        splits: dict[str, Split] = {split: read_arrays(path) for split, path in self.npz.items()}
        if not splits:
            splits = dict(zip(("train", "test"), read_idx(self.root) or (), strict=True))
        self._check_labels(splits)
        return splits

    def tell(self, splits: Mapping[str, Split]) -> None:
        """Log the notes, and classes that nothing trains."""
        for note in self.notes:
            log.warning("%s", note)
        trained = set(splits["train"].labels.tolist())
        if gaps := [str(label) for label in range(max(trained)) if label not in trained]:
            log.warning(
                "%s: training has no sample of the classes %s below its highest label, and the network has an answer for each. "
                "Number the classes from 0 on without gaps to leave them out.",
                self.root,
                some_of(gaps),
            )

    def _check_labels(self, splits: Mapping[str, Split]) -> None:
        trained = set(splits["train"].labels.tolist())
        if max(trained) >= MOST_CLASSES:
            raise SeesawError(
                f"{self.root} has a label {max(trained):,}, and {MOST_CLASSES:,} classes may be. Number them from 0 on."
            )
        if len(trained) < 2:
            raise SeesawError(
                f"{self.root} holds one class, {min(trained)}. Give samples of two classes or more."
            )
        for split, own in splits.items():
            if unknown := sorted(set(own.labels.tolist()) - trained):
                raise SeesawError(
                    f"The {split} split in {self.root} has classes that training lacks: {some_of([*map(str, unknown)])}. Add or "
                    "remove them."
                )


def _npz(root: Path) -> tuple[dict[str, Path], list[str]]:
    """The npz file of each split, training first, and notes; none where there is none of training."""
    found: dict[str, Path] = {}
    for path in sorted(root.iterdir()):
        if path.suffix.lower() != ".npz" or is_junk(path.name) or not path.is_file():
            continue
        split = split_named(path.stem)
        if split in found:
            raise SeesawError(
                f"{root} has two files for one split, {found[split].name} and {path.name}. Keep one of them."
            )
        if split is not None:
            found[split] = path
    if "train" not in found:
        return {}, []
    notes = []
    if "test" not in found and "calibration" in found:
        found["test"] = found.pop("calibration")
        notes.append(f"{root} has no test.npz: {found['test'].name} is taken as the test split.")
    return found, notes
