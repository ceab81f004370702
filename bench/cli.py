"""The command line: arguments in, one call out. Only commands that need PyTorch import it."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any

import typer

from bench.commands import (
    boards,
    compare,
    kernels,
    options,
    pack,
    plugins,
    records,
    replay,
    run,
    run_exits,
    upgrade,
    verify,
)
from bench.commands.split import certs, cuts, deploy, device, fleet, link, partition, plan, profile, serve
from bench.errors import SeesawError, lab_error
from bench.plain import PlainConsole

app = typer.Typer(
    name="seesaw",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="""Which network to ship, how sparse, with which exits, cut where: measured.

    First steps:

      seesaw run --task digits --model resnet_sparse     train, measure, record (a minute, no download)

      seesaw list                                        every task, backbone, method, ... and its settings

      seesaw compare --task digits --backbones mlp       a whole grid, then its board

      seesaw replay --trace confidences.csv              exit policies on anyone's confidences

    A plugin is named by a spec, [bold]name\\[key=value,key=value][/bold]; a model is backbone_method:
    [bold]resnet\\[depth=32]_sparse\\[density=0.25][/bold].""",
)


@app.callback()
def _root(debug: options.Debug = False) -> None:
    """Options that every command takes."""


class Stopped(BaseException):
    """Ctrl-C as another exception: at a KeyboardInterrupt, typer would end the program with its own words."""


def _stoppable(command: Callable[..., None]) -> Callable[..., None]:
    @wraps(command)
    def run_it(**options: Any) -> None:
        try:
            command(**options)
        except KeyboardInterrupt as error:
            raise Stopped from error

    return run_it


for name, command in {
    "run": run.run,
    "compare": compare.compare,
    "list": plugins.list_,
    "replay": replay.replay,
    "profile": profile.profile,
    "deploy": deploy.deploy,
    "fleet": fleet.fleet,
    "plan": plan.plan,
    "partition": partition.partition,
    "serve": serve.serve,
    "device": device.device,
    "link": link.link,
    "certs": certs.certs,
    "board": boards.board,
    "plot": boards.plot,
    "publish": boards.publish,
    "show": records.show,
    "diff": records.diff,
    "verify": verify.verify,
    "upgrade": upgrade.upgrade,
    "pack": pack.pack,
    "run-exits": run_exits.run_exits,
    "kernels": kernels.kernels,
    "cuts": cuts.cuts,
    "check": plugins.check,
    "new": plugins.new,
}.items():
    app.command(name=name)(_stoppable(command))


def main() -> None:
    """Run the command line; an error is one sentence and a non-zero exit."""
    if sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison]: as Python starts with a closed one
        _fail("The output is closed. Give it a place, such as /dev/null.", 1)
    debug = "--debug" in sys.argv
    # Threads that wait for others turn round for some microseconds, and then sleep: left to themselves, they keep the core
    # from the very thread they wait for, and on a machine with other work a training took twenty times as long. Asleep at
    # once, they take three times as long where nothing else runs. Read when PyTorch is loaded.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ |= {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "20000"}
    warnings.simplefilter("ignore", FutureWarning)  # torch deprecates what its own packages still call
    try:
        app()
    except SeesawError as error:
        if debug:
            raise
        _fail(str(error), 1)
    except (Stopped, KeyboardInterrupt):
        _fail("Stopped. The same command goes on from here.", 130)
    except Exception as error:
        if debug or "PYTEST_CURRENT_TEST" in os.environ:
            raise
        if isinstance(error, OSError) and error.filename is None:
            _unwritable(error)
        if isinstance(error, ImportError) and (missing := lab_error(error)):
            _fail(str(missing), 1)
        _fail(
            f"{type(error).__name__}: {error}. This is a fault in Seesaw or a plugin: --debug shows where.", 2
        )


def _unwritable(error: OSError) -> None:
    """End where the standard output is closed or full; what is still held back goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        sys.exit(141)  # whoever read has seen enough
    _fail(f"The output cannot be written ({error.strerror}). Give it another place.", 1)


def _fail(sentence: str, code: int) -> None:
    if sys.stderr is None:  # pyright: ignore[reportUnnecessaryComparison]: as Python starts with a closed one
        sys.exit(code)
    PlainConsole(stderr=True, soft_wrap=True).print(f"seesaw: {sentence}", style="red")
    sys.exit(code)
