"""The command that trains what a run names."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from bench.files import OWN, PUBLISHED
from bench.plugins.spec import render
from bench.runs.request import ResolvedRun, RunRequest

SAME = ("lean", "device", "devices", "nodes", "strategy", "precision", "compile", "accumulate")
"""Fields of a request whose options have their names."""


def training_command(run: ResolvedRun) -> str:
    """`seesaw run` with every option that changes what is trained, or where it lies, from what it is without it.

    A published record is not trained again: what the command makes lies in the usual place.
    """
    return shlex.join(
        ["seesaw", "run", "--task", run.task.spec, "--model", run.request.model, *_options(run)]
    )


def _options(run: ResolvedRun) -> Iterator[str]:
    request, usual = run.request, run.about.recipe.settings()
    if run.exits.spec != "joint":
        yield from ("--exits", run.exits.spec)
    for key, value in run.recipe.settings().items():
        if value != usual[key]:
            yield from ("--epochs", str(value)) if key == "epochs" else ("--set", f"{key}={render(value)}")
    given = {
        "--weights": request.weights, "--cut": run.setup.cut, "--values": run.setup.values, "--calibrate": request.calibrate,
        **{f"--{field}": value for field in SAME if (value := getattr(request, field)) != getattr(RunRequest, field)},
    }  # fmt: skip
    for flag, value in given.items():
        if value is not None:
            yield from (flag,) if value is True else (flag, str(value))
    yield from ("--seeds", str(request.seed))
    for flag, place, usual_places in (
        ("--data", request.data, (Path("data"),)),
        ("--records", request.records, (OWN, PUBLISHED)),
        ("--runs", request.runs, (Path("runs"),)),
    ):
        if place.resolve() not in [one.resolve() for one in usual_places]:
            yield from (flag, str(place))
