"""Store: the folders of written files and of runs, and the look-ups in them.

Paths of records, of files of other kinds beside them, and of runs' own folders come from here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from bench.errors import SeesawError
from bench.files import OWN, PUBLISHED, read_plain
from bench.plain import log
from bench.records.deployment import DeploymentRecord
from bench.records.measured import MeasuredDeployment
from bench.records.notes import PACKED
from bench.records.record import Record
from bench.records.run_files import RunFiles
from bench.records.sealed import MAX_BYTES, Sealed, slug
from bench.records.setup import DENSE, Setup, parent_of, path_of, task_of
from bench.records.stream import StreamRecord

FILE_KINDS: tuple[type[Sealed], ...] = (Record, StreamRecord, DeploymentRecord, MeasuredDeployment)
"""Every kind of written file. A file without a marker is read as the first, whose error names its fault."""

NOTE, MAX_NOTE = ".contested", 4096
"""Ending of a maintainer's note beside a file, and the bytes of it that are read."""

S = TypeVar("S", bound=Sealed)
T = TypeVar("T")


@dataclass(frozen=True)
class Entry(Generic[T]):
    """A written file, and whether it is contested.

    Attributes:
        file: its content, or what a board shows of it.
        contested: the reason: a maintainer's, or a fault that this or another file shows; None for none.
        sound: whether it has no faults, so that one may compute with its numbers.
    """

    file: T
    contested: str | None = None
    sound: bool = True


@dataclass(frozen=True)
class Trained:
    """A record whose trained network still lies in its run's folder."""

    record: Record
    weights: Path


@dataclass(frozen=True)
class Store:
    """A folder of records with the other kinds' folders beside it, and a folder of runs.

    Attributes:
        records: of runs.
        runs: where weights, traces and checkpoints are kept, a folder a run.
    """

    records: Path = OWN
    runs: Path = Path("runs")

    @property
    def sources(self) -> tuple[Path, ...]:
        """The folders in which records are looked up: one's own, and behind them the published ones."""
        own = self.records.resolve() == OWN.resolve() and PUBLISHED.is_dir()
        return (self.records, PUBLISHED) if own else (self.records,)

    @classmethod
    def holding(cls, path: Path, runs: Path = Path("runs")) -> Store:
        """The store of the published boards for a file that lies in it, else one's own."""
        published = path.resolve().is_relative_to(PUBLISHED.parent.resolve())
        return cls(PUBLISHED if published else OWN, runs)

    @classmethod
    def around(cls, path: Path, file: Sealed, runs: Path = Path("runs")) -> Store:
        """The store that a file lies in, if it lies where it belongs."""
        parents = path.resolve().parents
        if len(parents) < 4:
            return cls(runs=runs)
        return cls(parents[2] if isinstance(file, Record) else parents[3] / Record.folder, runs)

    def folder(self, kind: type[Sealed]) -> Path:
        """The folder of all files of a kind."""
        return self.records if kind is Record else self.records.parent / kind.folder

    def path(self, file: Sealed) -> Path:
        """Where a file is, or will be."""
        return file.path(self.folder(type(file)))

    def run_record(self, setup: Setup, seed: int) -> Path:
        """Where the record of a run is, or will be."""
        return path_of(self.records, setup, setup.digest(), seed)

    def run(self, path: Path) -> Record:
        """The record of a run.

        Raises:
            SeesawError: there is none, or it is not whole.
        """
        return Record.read(path)

    def run_files(self, record: Path) -> RunFiles:
        """The files of the run that made, or will make, a record."""
        source = next((folder for folder in self.sources if record.is_relative_to(folder)), self.records)
        return RunFiles(self.runs / record.relative_to(source).with_suffix(""))

    @property
    def timing_lock(self) -> Path:
        """The file that a run of this machine locks while it takes its timings."""
        return self.runs / "timing.lock"

    def save(self, file: Sealed) -> Path:
        """Write a file to its place; one that lies there is replaced whole."""
        return file.save(self.folder(type(file)))

    def faults(self, file: Sealed, path: Path | None = None) -> list[str]:
        """The faults of a file by itself; where it has none, those that other files show.

        Args:
            file: its content.
            path: where it lies; inside the store it must lie where it belongs.
        """
        return self.faults_alone(file, path) or list(file.disputes(self))

    def faults_alone(
        self, file: Sealed, path: Path | None = None, *, intact: bool | None = None
    ) -> list[str]:
        """The faults of a file by itself, whatever lies beside it.

        Args:
            file: its content.
            path: where it lies; inside the store it must lie where it belongs.
            intact: whether its seal holds, where reading has said so; None to look.
        """
        folder = self.folder(type(file))
        inside = path is not None and path.resolve().is_relative_to(folder.resolve())
        return file.faults(*((path, folder) if inside else ()), intact=intact)

    def contested(self, path: Path, faults: list[str]) -> str | None:
        """The reason to doubt a file: a maintainer's note `seed<k>.contested`, its first fault, or None."""
        reasons = [*_note(path.with_suffix(NOTE)), *faults[:1]]
        return " ".join(reasons) or None

    def entries(self, kind: type[S]) -> tuple[list[Entry[S]], list[str]]:
        """All files of a kind, in order of path, and a sentence for each that cannot be read."""
        entries, trouble = [], []
        for path in sorted(self.folder(kind).glob("*/*/seed*.json")):
            try:
                file = kind.read(path)
                faults = self.faults(file, path)
                entries.append(Entry(file, self.contested(path, faults), not faults))
            except SeesawError as error:
                trouble.append(str(error))
        return entries, trouble

    def parent(self, setup: Setup, seed: int) -> Record | None:
        """The newest record of the dense parent with this seed; None for an unrounded dense network."""
        if setup.method.name == DENSE and setup.values is None:
            return None
        training = parent_of(setup)
        parents = [
            record
            for _, record in self._alike(setup, DENSE, seed)
            if record.setup.values is None and record.setup.training_digest() == training
        ]
        return max(parents, key=lambda record: record.created, default=None)

    def trained(self, setup: Setup, seed: int) -> Trained | None:
        """The newest sound record of the same training, whatever was measured of it then, with its weights.

        Weights that were rounded when packed cannot be made whole again: they serve only a setup with the
        same rounding, and whole ones are preferred.
        """
        candidates = [
            Trained(record, weights)
            for path, record in self._alike(setup, setup.method.name, seed)
            if record.setup.values in (None, setup.values)
            and record.setup.training_digest() == setup.training_digest()
            and (weights := self.run_files(path).weights).exists()
        ]
        return max(
            candidates, key=lambda one: (one.record.setup.values is None, one.record.created), default=None
        )

    def trainings(self, setup: Setup, seed: int) -> dict[Path, Record]:
        """The newest sound record of each training of a backbone's and a method's name on the same data, with weights here.

        Exits plan, recipe and the settings of backbone and method may be others than this setup's.
        """
        newest: dict[str, tuple[Path, Record]] = {}
        for path, record in self._alike(setup, setup.method.name, seed):
            other = record.setup
            same = other.task.settings == setup.task.settings and other.task_identity == setup.task_identity
            training = other.training_digest()
            if same and self.run_files(path).weights.exists():
                before = newest.get(training)
                if before is None or before[1].created < record.created:
                    newest[training] = path, record
        return dict(newest.values())

    def origin(self, record: Record) -> str | None:
        """The training digest of the record that has the fingerprint of the weights that a run began from.

        It is the run's own where no weights were given, and None where no record has the fingerprint.
        """
        setup = record.setup
        if setup.weights is None:
            return setup.training_digest()
        for _, other in self._alike(setup, setup.method.name):
            fingerprint = other.notes.get(PACKED)
            is_match = isinstance(fingerprint, str) and fingerprint and setup.weights.startswith(fingerprint)
            if is_match and other.setup.weights is None:
                return other.setup.training_digest()
        return None

    def run_of(self, trace: Path) -> Record:
        """The record of the run that made a trace.

        Args:
            trace: the run's folder, or the test trace in it.

        Raises:
            SeesawError: there is none, or no sound one.
        """
        files = RunFiles.at(trace)
        if files is None:
            raise SeesawError(
                f"{trace} is no run's folder, nor the test trace in one. Name runs' folders, runs/TASK/MODEL/seed0; or do "
                "without --record."
            )
        paths = [folder.joinpath(*files.folder.resolve().parts[-3:]) for folder in self.sources]
        paths = [path.with_name(f"{path.name}.json") for path in paths]
        path = next(filter(Path.is_file, paths), paths[0])
        if not path.is_file():
            raise SeesawError(
                f"{trace} is no test trace of a run with a record: there is no {path}. Name runs' folders, "
                "runs/TASK/MODEL/seed0, and with --records where their records lie; or do without --record and readings as "
                "costs."
            )
        record = Record.read(path)
        if faults := record.faults(path, path.parents[2]):
            raise SeesawError(
                f"{path} is not to be believed: {faults[0]} Run the network again before its stream."
            )
        return record

    def _alike(self, setup: Setup, method: str, seed: int | None = None) -> Iterator[tuple[Path, Record]]:
        """The uncontested records of a task, a backbone's name and a method's; the others are logged."""
        model = f"{slug(setup.backbone.name)}_{slug(method)}"
        name = "seed*.json" if seed is None else f"seed{seed}.json"
        folders = [folder / task_of(setup) for folder in self.sources]
        for path in [path for folder in folders for path in sorted(folder.glob(f"{model}-*/{name}"))]:
            try:
                record = Record.read(path)
            except SeesawError as error:
                log.warning("Left out: %s", error)
                continue
            if reason := self.contested(path, record.faults(path, path.parents[2])):
                log.warning("Left out: %s is not to be believed. %s", path, reason)
                continue
            yield path, record


def open_file(path: Path) -> Sealed:
    """Read a written file of any kind: its content decides which, not its name.

    Raises:
        SeesawError: it is of no kind.
    """
    try:
        values = json.loads(read_plain(path, MAX_BYTES + 1))
    except (OSError, ValueError, RecursionError):
        values = None  # read as the first kind below, whose error names the fault
    keys = values.keys() if isinstance(values, dict) else ()
    return next((kind for kind in FILE_KINDS if kind.marker in keys), FILE_KINDS[0]).read(path)


def _note(path: Path) -> list[str]:
    """A maintainer's reason, where there is a note; links are not followed, and pipes not waited for."""
    if not path.is_symlink() and not path.exists():
        return []
    try:
        words = read_plain(path, MAX_NOTE).decode("utf-8", "replace").split()
    except OSError:
        return ["It is contested for a reason that cannot be read."]
    return [" ".join(words)[:300] or "It is contested, without a reason."]
