"""Sweep: requests run where `--on` says, as messages about them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.util import find_spec

from bench.errors import needing
from bench.machine import versions
from bench.runs.request import RunRequest
from bench.runs.sweeps.cell import Cell
from bench.runs.sweeps.depot import FolderDepot
from bench.runs.sweeps.places import OnRay, OnSlurm
from bench.runs.workers import News

MODULES = {OnRay: ("ray", "ray"), OnSlurm: ("slurm", "submitit")}
"""By place, the extra and the module that it needs."""


def hold_installed(place: OnRay | OnSlurm) -> None:
    """See that a place's engine is installed, without the seconds of loading it.

    Raises:
        SeesawError: it is not; the sentence says how it is installed.
    """
    extra, module = MODULES[type(place)]
    with needing(extra, f"--on {extra} needs"):
        if find_spec(module) is None:
            raise ModuleNotFoundError(name=module)


def run_elsewhere(
    place: OnRay | OnSlurm,
    requests: Sequence[RunRequest],
    threads: int | None,
    *,
    deterministic: bool = False,
    measure: bool = False,
) -> Iterator[News]:
    """Run requests on a place's workers; yields messages about them until all have ended.

    Args:
        place: from `--on`.
        requests: all with the same folders of records and runs.
        threads: of PyTorch in each worker; as many as it has processors where left out.
        deterministic: whether PyTorch uses deterministic algorithms only.
        measure: whether what has a record is measured again.
    """
    first = requests[0]
    folders = FolderDepot(first.records.resolve(), first.runs.resolve())
    cells = [
        Cell(
            number,
            replace(
                one,
                data=one.data.resolve(),
                weights=None if one.weights is None else one.weights.resolve(),
                neighbours=True,
            ),
            threads or place.cpus,
            deterministic,
            measure,
            versions(),
            place.scratch,
        )
        for number, one in enumerate(requests)
    ]
    if isinstance(place, OnRay):
        from bench.runs.sweeps.on_ray import on_ray

        yield from on_ray(place, cells, folders)
    else:
        from bench.runs.sweeps.on_slurm import on_slurm

        yield from on_slurm(place, cells, folders)
