"""Options that several commands share, declared once, and how their values are read."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_type_hints

import typer

from bench.errors import SeesawError
from bench.files import OWN, PUBLISHED
from bench.plain import PlainConsole
from bench.plugins.names import check_model, check_names
from bench.plugins.spec import split
from bench.records.layout import check_words
from bench.records.setup import Recipe, calibrated_share
from bench.runs import defaults

if TYPE_CHECKING:
    from bench.runs.request import ResolvedRun, RunRequest

IS_SEEN = sys.stdout is not None and sys.stdout.isatty()  # pyright: ignore[reportUnnecessaryComparison]: it may be closed
out = PlainConsole(width=None if IS_SEEN or "COLUMNS" in os.environ else 100)

Records = Annotated[Path, typer.Option(envvar="SEESAW_RECORDS", help="folder of records")]
Runs = Annotated[Path, typer.Option(help="folder for weights, traces and checkpoints")]
DataSets = Annotated[Path, typer.Option(envvar="SEESAW_DATA", help="folder of data sets")]
Pages = Annotated[
    Path | None, typer.Option(help="folder for the pages; the one above the records where left out")
]
Debug = Annotated[bool, typer.Option("--debug", help="show the traceback of an error")]
TaskSpec = Annotated[str, typer.Option(help="spec of the task")]
ExitsSpec = Annotated[str, typer.Option(help="spec of the exits plan")]
Specs = Annotated[str, typer.Option(help="specs, joined by commas")]
Seeds = Annotated[str, typer.Option(help="numbers, joined by commas; a record each")]
Epochs = Annotated[
    int | None, typer.Option(min=0, help="instead of the recipe's; 0 measures --weights as they are")
]
Set = Annotated[list[str] | None, typer.Option("--set", help="change the recipe: lr=0.05 (may be repeated)")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps")]
Devices = Annotated[
    int,
    typer.Option(
        min=1,
        help="that train one network together, on each node: a process each, a share of every step each",
    ),
]
Nodes = Annotated[
    int,
    typer.Option(
        min=1, help="machines that train one network together; run the same command on each, with NODE_RANK, MASTER_ADDR and "
        "MASTER_PORT set"
    ),
]  # fmt: skip
Strategy = Annotated[str, typer.Option(help="of Lightning, for several devices: ddp (auto takes it)")]
Precision = Annotated[str, typer.Option(help="of forward and backward passes in training: 32 or bf16-mixed")]
Compile = Annotated[
    bool,
    typer.Option("--compile", help="compile the network for training (torch.compile), minutes at the start"),
]
Accumulate = Annotated[
    int,
    typer.Option(min=1, help="parts of each step on a device, one after the other, where memory is short"),
]
Publish = Annotated[
    bool,
    typer.Option(
        "--publish", help="write records beside those of the published boards, leaderboards/records"
    ),
]
Measure = Annotated[
    bool, typer.Option("--measure", help="measure again what has a record, without training it anew")
]
Cut = Annotated[
    int | None,
    typer.Option(
        min=1, help="first stage of the server's part, for methods with where=device or where=server"
    ),
]
Values = Annotated[
    str,
    typer.Option(help="numbers of the packed weights: float32, float16 or int8; all is measured with them"),
]
Calibrate = Annotated[
    str | None,
    typer.Option(
        help="test, or test:0.3: set thresholds and temperatures on that share (0.2) of the test split, which is left out "
        "of it; for --weights that were trained on the calibration split"
    ),
]
Lean = Annotated[
    bool,
    typer.Option(
        "--lean",
        help="train the linear layers and convolutions of predefined methods on the weights that exist alone",
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="of the processor; left out: PyTorch's own number to train with, and one while timings are taken (replay: all "
        "cores; verify: the record's number)",
    ),
]
Deterministic = Annotated[
    bool, typer.Option("--deterministic", help="let PyTorch use deterministic algorithms only (slower)")
]

DEVICES, VALUES = ("auto", "cpu", "cuda", "mps"), ("float32", "float16", "int8")
"""The words that `pick_device` and `value_type` know, to be checked before PyTorch is loaded."""
FORMS = ("dense", "bitmap", "indexed", "delta", "cyclic", "periodic", "pattern", "mixed")
"""The formats of packed weights, likewise."""
LAYOUT = ("devices", "nodes", "strategy", "precision", "compile", "accumulate")
"""The options that say how a training is laid over devices."""
RUNS, DATA = Path("runs"), Path("data")
POLICIES, CODECS, METERS = map(",".join, (defaults.POLICIES, defaults.CODECS, defaults.METERS))


@dataclass(frozen=True)
class TrainOptions:
    """The options that define a training, beside its model and its seed: of `run`, `compare` and `pack`."""

    task: TaskSpec = "digits"
    exits: ExitsSpec = "joint"
    epochs: Epochs = None
    set_: Set = None
    lean: Lean = False
    data: DataSets = DATA
    records: Records = OWN
    runs: Runs = RUNS

    @property
    def folders(self) -> dict[str, Path]:
        """Where data, records and runs lie."""
        return {"data": self.data, "records": self.records, "runs": self.runs}

    def changed(self) -> list[str]:
        """The names of the options, folders aside, that are not as they are when left out."""
        names = [one.name for one in fields(self) if one.name not in self.folders]
        return [
            f"--{name.strip('_')}" for name in names if getattr(self, name) != getattr(type(self)(), name)
        ]

    def check_names(self, *models: str) -> None:
        """Check every name in these options and in the models before PyTorch is loaded, in the order of a run.

        Raises:
            SeesawError: a name is wrong.
        """
        check_names("task", [self.task])
        for model in models:
            check_model(model)
        check_names("exits", [self.exits])
        Recipe.read(
            "the recipe", {"epochs": "1"} | recipe(self.set_, self.epochs)
        )  # with the task's own later

    def request_of(self, path: Path) -> RunRequest:
        """The request that a record was made by, in the store that it lies in, or in that of these options.

        Raises:
            SeesawError: the file is no record of a run, or one that names no run.
        """
        from bench.records.record import load
        from bench.records.store import Store
        from bench.runs.request import RunRequest

        record = load(path)
        store = Store.around(path, record)
        lies_there = store.run_record(record.setup, record.seed).resolve() == path.resolve()
        return RunRequest.of(record, **self.folders | ({"records": store.records} if lies_there else {}))

    def request(self, model: str, **more: Any) -> RunRequest:
        """The request of one run of a model; `more` are other fields of it, such as the seed."""
        from bench.runs.request import RunRequest

        return RunRequest(
            task=self.task,
            model=model,
            exits=self.exits,
            recipe=recipe(self.set_, self.epochs),
            lean=self.lean,
            **self.folders,
            **more,
        )


@dataclass(frozen=True)
class RunOptions(TrainOptions):
    """The options that define a run, beside its model and its seed: of `run` and `compare`."""

    policies: Specs = POLICIES
    codecs: Specs = CODECS
    meters: Specs = METERS
    device: Device = "auto"
    devices: Devices = 1
    nodes: Nodes = 1
    strategy: Strategy = "auto"
    precision: Precision = "32"
    compile: Compile = False
    accumulate: Accumulate = 1
    cut: Cut = None
    values: Values = "float32"
    calibrate: Calibrate = None
    publish: Publish = False

    @property
    def folders(self) -> dict[str, Path]:
        """Where data, records and runs lie."""
        if not self.publish:
            return super().folders
        if self.records not in (OWN, PUBLISHED):
            raise SeesawError(
                f"--publish writes to {PUBLISHED}, and --records names {self.records}. Leave one out."
            )
        return super().folders | {"records": PUBLISHED}

    @property
    def lists(self) -> dict[str, tuple[str, ...]]:
        """The specs of policies, codecs and meters.

        Raises:
            SeesawError: an option names none.
        """
        lists = {name: words(getattr(self, name)) for name in ("policies", "codecs", "meters")}
        if empty := next((name for name, specs in lists.items() if not specs), None):
            raise SeesawError(f"--{empty} names nothing. Name one at least, or leave the option out.")
        return lists

    def check_names(self, *models: str) -> None:
        """Check every name in these options and in the models before PyTorch is loaded, in the order of a run.

        Raises:
            SeesawError: a name is wrong.
        """
        lists = self.lists
        super().check_names(*models)
        hold_word("device", self.device, DEVICES)
        hold_word("values", self.values, VALUES)
        check_words(self.strategy, self.precision)
        calibrated_share(self.calibrate)
        for kind, option in (("policy", "policies"), ("codec", "codecs"), ("meter", "meters")):
            check_names(kind, lists[option])

    def hold_cut(self, runs: Sequence[ResolvedRun]) -> None:
        """See that a cut, where one is named, is of use to a method.

        Raises:
            SeesawError: no method of these runs makes one side of a cut sparse.
        """
        if self.cut is not None and all(run.setup.cut is None for run in runs):
            methods = ", ".join(dict.fromkeys(run.method.spec for run in runs))
            raise SeesawError(
                f"--cut {self.cut} changes nothing: it is for methods that make one side of a cut sparse, and here is {methods}. "
                "Write METHOD[where=device] or METHOD[where=server]; or leave it out, since every cut is measured anyway."
            )

    def request(self, model: str, **more: Any) -> RunRequest:
        """The request of one run of a model; `more` are other fields of it, such as the seed."""
        names = ("device", "cut", "values", "calibrate", *LAYOUT)
        own = {name: getattr(self, name) for name in names}
        return super().request(model, **own, **self.lists, **more)


C = TypeVar("C", bound=Callable[..., None])


def with_options(command: C) -> C:
    """Give a command every option of the classes of options among its parameters; each of these it takes as one value.

    A class of options is a dataclass, all of whose fields have a default. Options that have none come first.
    """
    hints = get_type_hints(command, include_extras=True)
    own = inspect.signature(command).parameters
    kinds = {name: hints[name] for name in own if is_dataclass(hints[name])}
    taken: list[inspect.Parameter] = []
    for name, parameter in own.items():
        if name not in kinds:
            taken.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[name]))
            continue
        inner = get_type_hints(kinds[name], include_extras=True)
        taken += [
            inspect.Parameter(
                one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=inner[one.name]
            )
            for one in fields(kinds[name])
        ]

    @wraps(command)
    def expanded(**given: Any) -> None:
        grouped = {
            name: kind(**{one.name: given.pop(one.name) for one in fields(kind)})
            for name, kind in kinds.items()
        }
        command(**grouped, **given)

    together = sorted(taken, key=lambda one: one.default is not inspect.Parameter.empty)
    expanded.__signature__ = inspect.Signature(together)  # pyright: ignore[reportAttributeAccessIssue]
    expanded.__annotations__ = {one.name: one.annotation for one in together}
    del expanded.__wrapped__  # else typer reads the parameters of the command itself
    return expanded  # pyright: ignore[reportReturnType]


def hold_word(option: str, word: str, known: Sequence[str]) -> None:
    """See that an option's word is one of those that there are.

    Raises:
        SeesawError: it is none.
    """
    if word not in known:
        raise SeesawError(f"There is no --{option} {word!r}. Choose {', '.join(known)}.")


def words(text: str) -> tuple[str, ...]:
    """The specs or words in a text, where commas join them."""
    return tuple(part.strip() for part in split(text, ",") if part.strip())


def numbers(text: str) -> list[int]:
    """The seeds in a text, where commas join them.

    Raises:
        SeesawError: not whole numbers from 0 below 2^53.
    """
    try:
        seeds = [int(part) for part in text.split(",")]
        if any(not 0 <= seed < 1 << 53 for seed in seeds):
            raise ValueError(text)
    except ValueError as error:
        raise SeesawError(
            f"{text!r} is no list of seeds. Write whole numbers from 0 below 2^53, joined by commas: 0,1,2."
        ) from error
    return seeds


def recipe(changes: list[str] | None, epochs: int | None) -> dict[str, str]:
    """The settings of the recipe that `--set` and `--epochs` change."""
    settings = dict(_setting(word) for word in changes or [])
    return settings if epochs is None else settings | {"epochs": str(epochs)}


def _setting(word: str) -> tuple[str, str]:
    key, equals, value = word.partition("=")
    if not equals:
        raise SeesawError(f"--set {word!r} sets nothing. Write --set key=value, for example --set lr=0.05.")
    return key, value
