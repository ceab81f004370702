"""RunFiles: the files in a run's own folder, by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

STATES = "policies.safetensors"
"""The name of the file of policies' states, in a run's folder and in a packed one."""
_TEST = "test.safetensors"


@dataclass(frozen=True)
class RunFiles:
    """A run's own folder.

    Attributes:
        folder: below the folder of runs, at the same place as the run's record below that of records.
    """

    folder: Path

    @classmethod
    def at(cls, path: Path) -> RunFiles | None:
        """The files of the run that a path belongs to.

        Args:
            path: a run's folder, or the test trace in one; any other file gives None.
        """
        if path.is_dir():
            return cls(path)
        return cls(path.parent) if path.name == _TEST else None

    @property
    def weights(self) -> Path:
        """The packed weights."""
        return self.folder / "weights.safetensors"

    @property
    def test(self) -> Path:
        """The trace of the test split."""
        return self.folder / _TEST

    @property
    def calibration(self) -> Path:
        """The trace of the calibration split."""
        return self.folder / "calibration.safetensors"

    @property
    def crossings(self) -> Path:
        """What each sample of the test split costs at each cut through each codec, and how it is answered there."""
        return self.folder / "crossings.safetensors"

    @property
    def states(self) -> Path:
        """The states of policies at their operating points."""
        return self.folder / STATES

    @property
    def codecs(self) -> Path:
        """The folder of trained codecs."""
        return self.folder / "codecs"

    @property
    def deciders(self) -> Path:
        """The folder of what trained split policies have learnt for this network."""
        return self.folder / "deciders"

    @property
    def checkpoints(self) -> Path:
        """The folder of checkpoints of a training that has not ended."""
        return self.folder / "checkpoints"

    @property
    def lock(self) -> Path:
        """The file that one process locks while it runs this."""
        return self.folder / "lock"

    @property
    def again_marker(self) -> Path:
        """The file that marks a run that was begun again and has not ended."""
        return self.folder / "again"

    @property
    def mirror_id(self) -> Path:
        """The file with the run's name at Weights & Biases."""
        return self.folder / "wandb-id"
