"""Options that `deploy`, `fleet` and `plan` share: two profiles, a trained network between them, the requests that come, what is written."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import options
from bench.errors import SeesawError
from bench.plugins.names import check_names

if TYPE_CHECKING:
    from bench.kinds.device import Profile
    from bench.plugins.plugin import Choice
    from bench.records.circumstances import Circumstances
    from bench.records.run_files import RunFiles
    from bench.records.store import Store
    from bench.replay.deploy.deployment import Network

Deadline = Annotated[
    float | None, typer.Option(min=1e-9, help="seconds after which an answer is late; left out: never")
]
Reply = Annotated[int, typer.Option(min=1, help="bytes of an answer, framed")]
Seed = Annotated[int, typer.Option(min=0, help="of moments, samples, luck, and of the channel")]
Batch = Annotated[
    int,
    typer.Option(
        min=1,
        max=4096,
        help="requests of one cut that a server computes together, at most; its profile needs times of batches",
    ),
]
Wait = Annotated[
    float, typer.Option(min=0, help="seconds for which the first of a batch waits for others, at most")
]


def profile_spec(text: str) -> str:
    """The spec of a profile, which may be named by its file."""
    return f'profile[file="{text}"]' if is_file(text) else text


def is_file(text: str) -> bool:
    """Whether a profile is named by its file."""
    return text.endswith(".json")


@dataclass(frozen=True)
class SideOptions:
    """The options that say between which two profiles networks run."""

    profile: Annotated[
        str, typer.Option(help="the device: spec of a profile, or a file that `seesaw profile` wrote")
    ] = "recorded"
    server: Annotated[str, typer.Option(help="the server, in the same way")] = "recorded"

    @property
    def sides(self) -> list[str]:
        """The specs of both profiles, a file's among them."""
        return [profile_spec(one) for one in (self.profile, self.server)]

    @property
    def have_file(self) -> bool:
        """Whether one of them is a file, which is of one network."""
        return is_file(self.profile) or is_file(self.server)

    def check_names(self) -> None:
        """Check the names of profiles before PyTorch is loaded.

        Raises:
            SeesawError: one is wrong.
        """
        check_names("profile", self.sides)

    def chosen(self) -> list[Choice[Profile]]:
        """Both profiles."""
        from bench.kinds.device import Profile
        from bench.plugins.plugin import choose

        return [choose(Profile, spec) for spec in self.sides]


@dataclass(frozen=True)
class NetworkOptions(SideOptions):
    """The options that say where a trained network lies, and between which two profiles it runs."""

    records: Annotated[
        Path | None,
        typer.Option(
            envvar="SEESAW_RECORDS", help="folder of records; the one that holds the record where left out"
        ),
    ] = None
    runs: options.Runs = options.RUNS

    def network(self, record: Path) -> tuple[Network, RunFiles, Store]:
        """The network of the run that a record or a folder names, the run's files, and the store that it lies in.

        Raises:
            SeesawError: the file is no record of a run, or the run lacks files.
        """
        from bench.replay.deploy.deployment import network_of

        files, store = self._run_of(record)
        return network_of(files, store), files, store

    def _run_of(self, record: Path) -> tuple[RunFiles, Store]:
        from bench.records.record import Record
        from bench.records.run_files import RunFiles
        from bench.records.store import Store

        own = None if self.records is None else Store(self.records, self.runs)
        if record.is_dir():
            return RunFiles(record), own or Store(runs=self.runs)
        run = Record.read(record)
        store = own or Store.around(record, run, self.runs)
        return store.run_files(store.run_record(run.setup, run.seed)), store


@dataclass(frozen=True)
class RequestOptions:
    """The options that say which requests come, and how server and radio stand by: of `deploy`."""

    rate: Annotated[float, typer.Option(min=1e-6, help="requests a second, on the mean")] = 10.0
    seconds: Annotated[float, typer.Option(min=1e-3, help="for which requests come")] = 600.0
    arrivals: Annotated[
        str,
        typer.Option(
            help="poisson; regular: at equal distances; or a file of recorded moments, seconds from 0, one a line, which --rate and "
            "--seconds do not change"
        ),
    ] = "poisson"
    deadline: Deadline = None
    fallback: Annotated[
        bool,
        typer.Option(
            "--fallback",
            help="at the deadline the device answers by the last exit before the cut, which it computes for that",
        ),
    ] = False
    devices: Annotated[
        int, typer.Option(min=1, help="that share the server; the others send as many requests from cut 0")
    ] = 1
    load: Annotated[
        str | None,
        typer.Option(
            help="of further devices, from cut 0: requests a second that reach the server at random, or a file of the recorded "
            "moments at which they do"
        ),
    ] = None
    batch: Batch = 1
    wait: Wait = 0.0
    report: Annotated[
        float, typer.Option(min=0, help="seconds between the modem's reports of the link's rate; 0 for none")
    ] = 1.0
    battery: Annotated[float, typer.Option(min=0, help="joules; 0 for one without end")] = 0.0
    reply: Reply = 64
    seed: Seed = 0

    @property
    def are_drawn(self) -> bool:
        """Whether the moments of requests are drawn, and not recorded."""
        return self.arrivals in ("poisson", "regular")

    def check(self) -> None:
        """Hold the options to those that go together, before PyTorch is loaded.

        Raises:
            SeesawError: one needs another, or names no file.
        """
        if self.fallback and self.deadline is None:
            raise SeesawError(
                "The device answers by its own exit at a deadline, and there is none. Give --deadline SECONDS."
            )
        if self.wait and self.batch == 1:
            raise SeesawError(
                "The server waits for others to compute together, and takes one by one. Give --batch SIZE."
            )
        _load(self.load)
        if not self.are_drawn and not Path(self.arrivals).is_file():
            raise SeesawError(
                f"Requests do not come by {self.arrivals!r}. Choose --arrivals poisson or regular, or a file of moments."
            )

    def circumstances(self) -> Circumstances:
        """What a deployment records of them, recorded moments read.

        Raises:
            SeesawError: a file of moments is none.
        """
        from bench.records.circumstances import Circumstances, ServerBatches
        from bench.replay.deploy.game import recorded

        moments = [] if self.are_drawn else recorded(Path(self.arrivals)).tolist()
        seconds = max(moments[-1], 1e-3) if moments else self.seconds
        each, load_file = _load(self.load)
        return Circumstances(
            arrivals=self.arrivals if self.are_drawn else "recorded",  # pyright: ignore[reportArgumentType]
            moments=moments, rate=len(moments) / seconds if moments else self.rate, seconds=seconds, order_seed=self.seed,
            devices=self.devices, reply=self.reply, report=self.report, battery=self.battery, deadline=self.deadline,
            fallback=self.fallback, load=each, load_moments=[] if load_file is None else recorded(load_file).tolist(),
            batching=ServerBatches(largest=self.batch, wait=self.wait) if self.batch > 1 else None,
        )  # fmt: skip


@dataclass(frozen=True)
class WrittenOptions:
    """The options that say what is written: of `deploy`."""

    out: Annotated[
        Path | None, typer.Option("--out", help="CSV file with a line for each request and policy")
    ] = None
    figures: Annotated[
        Path | None,
        typer.Option(help="folder for three plots: time line, distribution, accuracy against time"),
    ] = None
    ending: Annotated[str, typer.Option(help="of the plots' files: png, svg or pdf")] = "png"
    keep: Annotated[
        bool,
        typer.Option(
            "--keep",
            help="keep it for the boards, in the folder deployments beside the records; with --real what was measured, in measured",
        ),
    ] = False

    def check(self) -> None:
        """See that all can be written, before the work begins and not after it.

        Raises:
            SeesawError: a folder cannot be written, or nothing draws plots here or with this ending.
        """
        from bench.drawing import pyplot
        from bench.files import writable

        if self.figures is not None:
            pyplot(self.figures / f"timeline.{self.ending}")
            writable(self.figures, "Plots", "--figures")
        if self.out is not None:
            writable(self.out.parent, "Requests", "--out")


def _load(load: str | None) -> tuple[float | None, Path | None]:
    """The requests a second of further devices, or the file of their moments; neither where there are none.

    Raises:
        SeesawError: it is neither.
    """
    if load is None:
        return None, None
    try:
        each = float(load)
    except ValueError:
        if not Path(load).is_file():
            raise SeesawError(
                f"--load {load!r} is neither a number nor a file. Give requests a second, or a file of moments."
            ) from None
        return None, Path(load)
    if not (math.isfinite(each) and each >= 0):
        raise SeesawError(f"--load {load} is no rate. Give requests a second, such as 20.")
    return each or None, None
