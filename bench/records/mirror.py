"""A run mirrored to Weights & Biases: online when logged in, offline otherwise, off with WANDB_MODE=disabled.

The mirror is never the source of anything, so nothing in it may hold up or end a run: a failure is
logged once, and the run goes on without the mirror.
"""

from __future__ import annotations

import netrc
import os
import secrets
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlparse

from bench.files import write_whole
from bench.plain import log
from bench.records.dataframe import Rows, rows_of
from bench.records.reading import Readings
from bench.records.record import EpochRow, Record
from bench.records.setup import Setup, board_of

T = TypeVar("T")

PATIENCE = 3.0
"""Seconds that a run waits for the network when it begins, and again when it ends."""

PROJECT = "seesaw"
"""W&B project, unless WANDB_PROJECT names another."""

TAG = 64
"""The most characters of a tag."""

TABLES: dict[str, Rows] = {"policies": "points", "walks": "walks"}
"""Tables of a run, by the rows of `bench.records.dataframe` that they hold."""

_unreachable = False
"""Whether this process has waited in vain; it does so once."""


class Mirror:
    """One W&B run, or none where W&B is off or has failed."""

    def __init__(self, run: Any = None) -> None:
        self.run = run
        self.start = run.step if run is not None else 0

    @classmethod
    def of(cls, setup: Setup, seed: int, id_file: Path, runs: Path, *, again: bool = False) -> Mirror:
        """Mirror a run; one that goes on after being killed goes on in the same W&B run.

        Args:
            setup: of the run.
            seed: of the run.
            id_file: keeps the run's W&B id.
            runs: where W&B keeps its files, unless WANDB_DIR names another folder.
            again: begin a new W&B run.
        """
        if os.environ.get("WANDB_MODE") == "disabled":
            return cls()
        return cls(
            _guarded(
                lambda: _begin(
                    runs,
                    id=_id(id_file, f"{setup.digest()}-{seed}", again=again),
                    group=board_of(setup),
                    name=f"{setup.model}, {setup.exits.label} seed {seed}",
                    tags=tags_of(setup),
                    config=setup.model_dump(mode="json") | {"digest": setup.digest(), "seed": seed},
                )
            )
        )

    def epoch(self, index: int, epoch: EpochRow) -> None:
        """Log an epoch that has ended: loss, learning rate, and the training accuracy of every exit."""
        if index < self.start:
            return
        values = {"loss": epoch.loss, "lr": epoch.lr, "epoch": index, "epoch_seconds": epoch.seconds}
        values |= {f"exit{number}/train_accuracy": share for number, share in enumerate(epoch.accuracy)}
        self._do(lambda run: run.log(values, step=index))

    def validation(self, index: int, accuracy: list[float]) -> None:
        """Log the accuracy of every exit on the calibration split, beside that of the same epoch's training."""
        values = {f"exit{number}/validation_accuracy": share for number, share in enumerate(accuracy)}
        if index >= self.start:
            self._do(lambda run: run.log(values, step=index))

    def record(self, record: Record, path: Path) -> None:
        """Log the tables of exits, cuts, policies and walks, a summary, and the record itself as an artifact."""
        self.table("exits", *_table([("stage", e.stage, e.readings) for e in record.exits]))
        self.table("cuts", *_table([("before", c.before, c.readings) for c in record.cuts]))
        for name, rows in TABLES.items():
            self.table(name, *_columns(list(rows_of(record, rows, {}))))
        summary = {f"exit{n}/{k}": r.value for n, e in enumerate(record.exits) for k, r in e.readings.items()}
        summary |= {f"last/{k}": r.value for e in record.exits[-1:] for k, r in e.readings.items()}
        summary |= {"budget": record.budget}
        self._do(lambda run: run.summary.update(summary))

        def keep(run: Any) -> None:
            import wandb

            artifact = wandb.Artifact(f"record-{record.digest}-seed{record.seed}", "record")
            artifact.add_file(str(path), "record.json")
            run.log_artifact(artifact)

        self._do(keep)

    def table(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Log a table."""

        def log_table(run: Any) -> None:
            import wandb

            run.log({name: wandb.Table(columns=list(columns), data=[list(row) for row in rows])})

        self._do(log_table)

    def close(self) -> None:
        """End the W&B run; what could not be sent within seconds stays on disk for `wandb sync`."""
        self._do(lambda run: run.finish())
        self.run = None

    def _do(self, act: Callable[[Any], object]) -> None:
        if self.run is not None and _guarded(lambda: (act(self.run), True)) is None:
            self.run = None


def leaderboard(board: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], runs: Path) -> None:
    """Mirror a whole board as one table in a W&B run of its own."""
    if os.environ.get("WANDB_MODE") == "disabled":
        return
    mirror = Mirror(
        _guarded(
            lambda: _begin(
                runs, id=f"board-{secrets.token_hex(4)}", group=board, name=f"{board} leaderboard", config={}
            )
        )
    )
    mirror.table("leaderboard", columns, rows)
    mirror.close()


def _guarded(act: Callable[[], T]) -> T | None:
    """The result of `act`; where it fails, None and a line in the log."""
    try:
        return act()
    except Exception as error:  # W&B raises its own, the network's and the system's errors
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        log.warning("Weights & Biases: %s. The run goes on without it.", reason.rstrip("."))
        return None


def _begin(runs: Path, **named: Any) -> Any:
    """Start a W&B run: online where that works within seconds, else offline."""
    global _unreachable
    os.environ.setdefault(
        "WANDB_ERROR_REPORTING", "false"
    )  # its report of a lost server waits for one, at exit
    import wandb

    folder = Path(os.environ.get("WANDB_DIR") or runs)
    folder.mkdir(parents=True, exist_ok=True)
    settings = wandb.Settings(
        init_timeout=PATIENCE,
        finish_timeout=PATIENCE,
        silent=True,
        console="off",
        disable_git=True,
        disable_code=True,
        save_code=False,
        x_disable_stats=True,
    )
    named |= {
        "project": os.environ.get("WANDB_PROJECT") or PROJECT,
        "dir": str(folder),
        "settings": settings,
        "reinit": "finish_previous",
    }
    if os.environ.get("WANDB_MODE") in (None, "online") and not _unreachable and logged_in():
        try:
            return wandb.init(**named, mode="online", resume="allow")
        except Exception as error:
            _unreachable = True
            wandb.teardown()
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            log.warning(
                "Weights & Biases cannot be reached (%s). Kept in %s; later: wandb sync.", reason, folder
            )
    return wandb.init(**named, mode="offline")


def logged_in() -> bool:
    """Whether there is a key: in WANDB_API_KEY, or for W&B's host in the netrc file that `wandb login` writes."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    import wandb

    host = urlparse(wandb.setup().settings.base_url).hostname or ""
    try:
        hosts = netrc.netrc(os.environ.get("NETRC") or None)
    except (OSError, netrc.NetrcParseError):
        return False
    return hosts.authenticators(host) is not None


def _id(path: Path, stem: str, *, again: bool) -> str:
    """The run's W&B id: the one in `path`, else a new one, kept there."""
    if path.exists() and not again and (kept := path.read_text(encoding="utf-8").strip()).startswith(stem):
        return kept
    fresh = f"{stem}-{secrets.token_hex(3)}"
    write_whole(path, fresh.encode(), "--runs")
    return fresh


def tags_of(setup: Setup) -> list[str]:
    """Words to find a run by: task, backbone, method and exits plan; W&B takes up to 64 characters of each."""
    named = {"task": setup.task, "backbone": setup.backbone, "method": setup.method, "exits": setup.exits}
    return [f"{kind}:{one.label}"[:TAG] for kind, one in named.items()]


def _columns(rows: list[dict[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    """Rows as columns and lists; sequences as words, since W&B's tables hold one type a column."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return names, [[_cell(row.get(name)) for name in names] for row in rows]


def _cell(value: Any) -> Any:
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else value


def _table(parts: list[tuple[str, int, Readings]]) -> tuple[list[str], list[list[Any]]]:
    """Columns and rows: a row a part, a column a reading."""
    names = list(dict.fromkeys(name for _, _, readings in parts for name in readings))
    rows = [
        [place, *(readings[name].value if name in readings else None for name in names)]
        for _, place, readings in parts
    ]
    return [parts[0][0] if parts else "place", *names], rows
