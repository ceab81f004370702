"""The one error that users see: a sentence that ends in what to do; and how sentences count."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

LAB = (
    *("PIL", "fvcore", "jinja2", "numba", "pandas", "pynvml", "pytorch_lightning"),
    *("scipy", "sklearn", "torchmetrics", "torchvision", "wandb"),
)
"""The modules of the extra `lab`: what trains, measures and draws boards, and no device needs."""


def counted(number: float, one: str, many: str = "") -> str:
    """How many there are, in words that fit: 1 sample, 2,000 samples; `many` where it is not `one` and an s."""
    digits = f"{number:,}" if isinstance(number, int) else f"{number:g}"
    return f"{digits} {one if number == 1 else many or f'{one}s'}"


class SeesawError(Exception):
    """Something the user can mend. The message is one sentence, or two, that end in what to do.

    The command line prints it without a traceback and exits with 1; `--debug` shows the traceback.
    """


@contextmanager
def needing(extra: str, what: str) -> Iterator[None]:
    """Around imports: where one fails, the error names the extra of this distribution that brings the module.

    Args:
        extra: its name in `pyproject.toml`.
        what: the subject of the sentence, with its verb: `Figures need`, `depgraph needs`.

    Raises:
        SeesawError: a module is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise SeesawError(f"{what} {error.name}. Install it: {_installing(extra)}.") from error


def _installing(extra: str) -> str:
    """The command that installs an extra where this program runs, whatever `pip` alone would be."""
    return f"{sys.executable} -m pip install 'seesaw-bench[{extra}]'"


def lab_error(error: ImportError) -> SeesawError | None:
    """The sentence for a module of the laboratory that is not installed; None where it is another module."""
    if (error.name or "").partition(".")[0] not in LAB:
        return None
    return SeesawError(
        f"This needs {error.name}, which is not installed: a device can do without it, the laboratory cannot. "
        f"Install the laboratory: {_installing('lab')}."
    )


class Infeasible(SeesawError):
    """No layer of this shape has the density that was asked for.

    Args:
        density: asked for.
        where: in which layer, in words.
        near: the nearest feasible densities, and how each comes about, in words or "".
    """

    def __init__(self, density: float, where: str, near: Mapping[float, str]) -> None:
        self.near = list(near)
        nearest = [f"{one:g} ({how})" if how else f"{one:g}" for one, how in near.items()]
        super().__init__(
            f"density {density:g} is not feasible {where}: the nearest feasible {'are' if len(nearest) > 1 else 'is'} "
            f"{' and '.join(nearest)}"
        )
