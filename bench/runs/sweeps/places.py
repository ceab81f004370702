"""Places: where the cells of a comparison run: on this machine's workers, on Ray's, or on Slurm's (`--on`).

Imports neither PyTorch nor what it names, so that a typing mistake is an error at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from bench.errors import SeesawError
from bench.plugins.plugin import Count, Settings
from bench.plugins.spec import parse

Number = Annotated[int, Field(ge=1, le=100_000)]


class OnRay(Settings):
    """Long-lived actors of a Ray cluster: the one at `address`, or one that is started on this machine."""

    address: str | None = None
    """of the cluster, as `ray start --head` prints it, or `auto`; a cluster on this machine alone where left open"""
    workers: Count | None = None
    """actors; as many as the cluster's processors allow where left open"""
    cpus: Number = 1
    """processors of each worker, and its threads unless --threads is given"""
    gpus: Annotated[float, Field(ge=0, le=64)] = 0
    """GPUs of each worker; a part of one for several workers on it"""
    retries: Annotated[int, Field(ge=0, le=100)] = 3
    """how often Ray starts a cell again whose worker or machine died"""
    dashboard: bool = False
    """whether a cluster that is started here shows Ray's dashboard"""
    scratch: Path | None = None
    """folder on each machine for cells at work; one for temporary files where left open"""


class OnSlurm(Settings):
    """Long-lived jobs of Slurm, by submitit, which take cells from a folder that all machines share."""

    workers: Number = 1
    """jobs"""
    partition: str | None = None
    account: str | None = None
    minutes: Number = 240
    """of a job; one that is ended by its time, or for another, is queued again and goes on"""
    cpus: Number = 1
    """processors of each worker, and its threads unless --threads is given"""
    gpus: Annotated[int, Field(ge=0, le=64)] = 0
    """GPUs of each worker"""
    memory: Number = 8
    """GB of each worker"""
    retries: Annotated[int, Field(ge=0, le=100)] = 3
    """how often jobs are started again while cells are left whose workers have ended"""
    cluster: Literal["slurm", "local", "debug"] = "slurm"
    """`local` starts processes here, `debug` works in this one: to try a sweep before it is queued"""
    scratch: Path | None = None
    """folder on each machine for cells at work; one for temporary files where left open"""


PLACES: dict[str, type[Settings]] = {"ray": OnRay, "slurm": OnSlurm}
LOCAL = "local"


def place_of(text: str) -> OnRay | OnSlurm | None:
    """The place that `--on` names; None for this machine's own workers.

    Raises:
        SeesawError: there is no such place, or a setting of it is wrong.
    """
    spec = parse(text)
    if spec.name == LOCAL and not spec.settings:
        return None
    if spec.name not in PLACES:
        raise SeesawError(
            f"There is no --on {text!r}. Choose {LOCAL}, or {' or '.join(PLACES)} with their settings: "
            "'ray[address=auto,workers=10]', 'slurm[workers=10,partition=gpu]'."
        )
    place = PLACES[spec.name].read(f"--on {spec.name}", spec.settings)
    assert isinstance(place, (OnRay, OnSlurm))
    return place
