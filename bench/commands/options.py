"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.errors import SeesawError
from bench.plugins.spec import split
from bench.runs import defaults

out = Console(
    highlight=False, markup=False, width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else 100
)

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
Lean = Annotated[
    bool,
    typer.Option(
        "--lean",
        help="train the linear layers and convolutions of predefined methods on the weights that exist alone",
    ),
]
Threads = Annotated[int | None, typer.Option(min=1, help="of the processor; all where left out")]
Deterministic = Annotated[
    bool, typer.Option("--deterministic", help="let PyTorch use deterministic algorithms only (slower)")
]

RECORDS, RUNS, DATA = Path("leaderboards/records"), Path("runs"), Path("data")
POLICIES, CODECS, METERS = map(",".join, (defaults.POLICIES, defaults.CODECS, defaults.METERS))


def words(text: str) -> tuple[str, ...]:
    """Specs or words joined by commas."""
    return tuple(part.strip() for part in split(text, ",") if part.strip())


def numbers(text: str) -> list[int]:
    """Seeds joined by commas.

    Raises:
        SeesawError: not whole numbers from 0.
    """
    try:
        found = [int(part) for part in text.split(",")]
        if any(not 0 <= number < 1 << 53 for number in found):
            raise ValueError(text)
    except ValueError as error:
        raise SeesawError(
            f"{text!r} is no list of seeds. Write whole numbers from 0 below 2^53, joined by commas: 0,1,2."
        ) from error
    return found


def recipe(changes: list[str] | None, epochs: int | None) -> dict[str, str]:
    """The settings of the recipe to change, from `--set` and `--epochs`."""
    found = dict(_setting(word) for word in changes or [])
    return found if epochs is None else found | {"epochs": str(epochs)}


def _setting(word: str) -> tuple[str, str]:
    key, equals, value = word.partition("=")
    if not equals:
        raise SeesawError(f"--set {word!r} sets nothing. Write --set key=value, for example --set lr=0.05.")
    return key, value
