"""On Ray: a team of actors, each a process on some machine of a cluster, and the depot as an actor beside the command."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from bench.errors import SeesawError, needing
from bench.runs.request import RunRequest
from bench.runs.sweeps.cell import Cell, Ended, run_cell
from bench.runs.sweeps.depot import File, FolderDepot
from bench.runs.sweeps.hand_out import Event, hand_out
from bench.runs.sweeps.places import OnRay
from bench.runs.workers import News


class RayDepot:
    """The depot in a process of its own, on the machine where the sweep was begun; it keeps the last event of each cell."""

    def __init__(self, folders: FolderDepot) -> None:
        self.folders, self.last = folders, dict[int, Event]()

    def fetch(self, request: RunRequest) -> list[File]:
        """The files of a run."""
        return self.folders.fetch(request)

    def keep(self, files: list[File]) -> None:
        """Put files in their places."""
        self.folders.keep(files)

    def clear(self, request: RunRequest) -> None:
        """Remove a run's checkpoints."""
        self.folders.clear(request)

    def progress(self, number: int, worker: int, line: str, share: float) -> None:
        """Keep a cell's progress until it is asked for."""
        self.last[number] = Event("at", number, worker, line, share)

    def events(self) -> list[Event]:
        """The progress since the last call."""
        events = list(self.last.values())
        self.last.clear()
        return events


class _Remote:
    """The depot as a worker sees it."""

    def __init__(self, actor: Any) -> None:
        import ray  # pyright: ignore[reportMissingImports]

        self.actor, self.get = actor, ray.get

    def fetch(self, request: RunRequest) -> list[File]:
        return self.get(self.actor.fetch.remote(request))

    def keep(self, files: list[File]) -> None:
        self.get(self.actor.keep.remote(files))

    def clear(self, request: RunRequest) -> None:
        self.get(self.actor.clear.remote(request))

    def progress(self, number: int, worker: int, line: str, share: float) -> None:
        self.actor.progress.remote(number, worker, line, share)


class RayWorker:
    """An actor that runs one cell after another, so that PyTorch is loaded once in each."""

    def __init__(self, worker: int) -> None:
        self.worker = (
            worker  # and nothing that lies in Ray's memory: an actor without it could not be restarted
        )

    def run(self, cell: Cell, depot: Any, variables: dict[str, str], folder: str) -> Ended:
        """Run a cell; Ray calls this again elsewhere where the process or its machine dies."""
        os.environ.update(variables)
        if os.path.isdir(folder):
            os.chdir(folder)  # drafts are named from where the sweep was begun
        return run_cell(cell, _Remote(depot), self.worker)


class RayTeam:
    """Actors of a Ray cluster as a team.

    Args:
        place: address, numbers, resources.
        folders: of records and runs, on this machine.

    Raises:
        SeesawError: Ray is not installed, or no cluster answers.
    """

    def __init__(self, place: OnRay, folders: FolderDepot) -> None:
        with needing("ray", "--on ray needs"):
            import ray  # pyright: ignore[reportMissingImports]
            from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # pyright: ignore[reportMissingImports]
        engine: Any = ray
        self.ray, self.place = engine, place
        self.own = not ray.is_initialized()
        if self.own:
            join_cluster(ray, place)
        total = ray.cluster_resources()
        fits = int(total.get("CPU", 0) // place.cpus)
        if place.gpus:
            fits = min(fits, int(total.get("GPU", 0) / place.gpus))
        self.workers = place.workers or fits
        if not fits:
            raise SeesawError(
                f"No machine of the cluster has {place.cpus} processors and {place.gpus:g} GPUs for a worker "
                f"(there are {total.get('CPU', 0):g} and {total.get('GPU', 0):g}). Ask for fewer: cpus=, gpus=."
            )
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self.depot: Any = (
            engine.remote(num_cpus=0)(RayDepot).options(scheduling_strategy=here).remote(folders)
        )
        self.kind: Any = engine.remote(
            num_cpus=place.cpus, num_gpus=place.gpus, max_restarts=-1, max_task_retries=place.retries
        )(RayWorker)
        self.actors: dict[int, Any] = {}
        self.tasks: dict[Any, tuple[int, int]] = {}

    def give(self, worker: int, cell: Cell) -> None:
        """Let a worker begin a cell."""
        if worker not in self.actors:
            self.actors[worker] = self.kind.remote(worker)
        variables = {name: value for name, value in os.environ.items() if name.startswith("WANDB_")}
        task = self.actors[worker].run.remote(cell, self.depot, variables, os.getcwd())
        self.tasks[task] = (worker, cell.number)

    def events(self, seconds: float) -> list[Event]:
        """What has happened since the last call."""
        ready, _ = self.ray.wait(list(self.tasks), num_returns=1, timeout=seconds)
        ended = [self._ended(task) for task in ready]
        return [*self._progress(), *ended]

    def _progress(self) -> list[Event]:
        """The depot's news.

        Raises:
            SeesawError: the depot's process was lost, or Ray with it: nothing takes files in any more.
        """
        try:
            return self.ray.get(self.depot.events.remote())
        except self.ray.exceptions.RayError as error:
            raise SeesawError(
                "Ray lost the process on this machine that takes in what workers send, so the sweep has ended: the process was killed, "
                "or Ray's own beside it, or memory ran out. Records and checkpoints that came are kept; run the same command again."
            ) from error

    def _ended(self, task: Any) -> Event:
        worker, number = self.tasks.pop(task)
        try:
            kind, line = self.ray.get(task)
            return Event(kind, number, worker, line)
        except self.ray.exceptions.RayTaskError as error:
            first = str(error.cause).strip().splitlines()[0] if str(error.cause).strip() else ""
            why = f"{type(error.cause).__name__}: {first}. This is a fault in Seesaw or a plugin: run the cell by seesaw run."
            return Event("failed", number, worker, why)
        except self.ray.exceptions.RayError:
            self.actors.pop(worker, None)
            return Event("lost", number, worker, "Its worker was lost, with all of Ray's retries,")

    def close(self) -> None:
        """End the workers, and a cluster that was started for them."""
        for actor in [*self.actors.values(), self.depot]:
            self.ray.kill(actor)
        if self.own:
            self.ray.shutdown()


def join_cluster(ray: Any, place: OnRay) -> None:
    """Join the cluster, or start one here."""
    own: dict[str, Any] = (
        {"include_dashboard": place.dashboard} if place.address is None else {"address": place.address}
    )
    try:
        ray.init(logging_level=logging.ERROR, log_to_driver=False, configure_logging=True, **own)
    except (ConnectionError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise SeesawError(
            f"No Ray cluster answers at {place.address or 'this machine'} ({reason}). Start one (ray start --head), give the "
            "address that it prints, and on this machine the cluster's token (RAY_AUTH_TOKEN or ~/.ray/auth_token)."
        ) from error


def on_ray(place: OnRay, cells: Sequence[Cell], folders: FolderDepot) -> Iterator[News]:
    """Run cells on a Ray cluster; yields messages about them until all have ended."""
    team = RayTeam(place, folders)
    with ended_in_order():
        yield from hand_out(team, cells, place.retries)


@contextmanager
def ended_in_order() -> Iterator[None]:
    """Within it SIGTERM ends the process as Ctrl-C does, its team closed; Ray's own answer is a stack and an abort."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the team is closed in peace
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)
