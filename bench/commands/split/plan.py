"""seesaw plan: limits in, the configuration to ship out, from records alone."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import options
from bench.commands.options import out
from bench.commands.split.asked import SideOptions
from bench.errors import SeesawError
from bench.files import PUBLISHED
from bench.plugins.names import check_names
from bench.plugins.spec import near

if TYPE_CHECKING:
    from bench.replay.plan.limits import Limits

PREFERENCES = ("accuracy", "latency", "energy", "device-bytes", "sent")


@dataclass(frozen=True)
class LimitOptions:
    """The options that say what an answer must keep to."""

    max_latency: Annotated[
        str | None,
        typer.Option(help="from a request to its answer, all waiting included: 50ms, 200us, 1.5s"),
    ] = None
    deadline_miss: Annotated[
        str | None, typer.Option(help="share of the requests that may take longer: 1% or 0.01; left out: 1%")
    ] = None
    max_device_bytes: Annotated[
        str | None, typer.Option(help="of the packed weights on the device: 300kB, 2MiB")
    ] = None
    max_energy: Annotated[
        str | None,
        typer.Option(
            help="of the device for a request, computing and radio: 5mJ; the profile must have watts"
        ),
    ] = None
    min_accuracy: Annotated[str | None, typer.Option(help="share of right answers: 0.9 or 90%")] = None

    def limits(self) -> Limits:
        """The limits as they were written.

        Raises:
            SeesawError: one has no unit, or another's.
        """
        from bench.replay.plan.limits import BYTES, JOULES, SECONDS, SHARE, Limits, amount

        if self.deadline_miss is not None and self.max_latency is None:
            raise SeesawError(
                "--deadline-miss is a share of requests that take longer than --max-latency. Give that one too."
            )

        def read(text: str | None, units: dict[str, float], option: str) -> float | None:
            return None if text is None else amount(text, units, option)

        return Limits(
            latency=read(self.max_latency, SECONDS, "--max-latency"),
            miss=0.01 if self.deadline_miss is None else amount(self.deadline_miss, SHARE, "--deadline-miss"),
            device_bytes=read(self.max_device_bytes, BYTES, "--max-device-bytes"),
            energy=read(self.max_energy, JOULES, "--max-energy"),
            accuracy=read(self.min_accuracy, SHARE, "--min-accuracy"),
        )


@options.with_options
def plan(
    *,
    task: Annotated[
        str, typer.Option(help="whose records are searched: fashion-mnist, or a board: fashion-mnist-v1")
    ] = "digits",
    within: LimitOptions,
    prefer: Annotated[
        str,
        typer.Option(
            help=f"what to be best in among those that keep to all limits: {', '.join(PREFERENCES)}"
        ),
    ] = "accuracy",
    channel: Annotated[
        str, typer.Option(help="spec of the link; `seesaw list channel` shows all")
    ] = "constant",
    sides: SideOptions,
    machine: Annotated[
        str, typer.Option(help="only times of this machine, 'EPYC'; left out: that of most networks")
    ] = "",
    rate: Annotated[float, typer.Option(min=1e-6, help="requests a second, at random, on the mean")] = 1.0,
    seconds: Annotated[float, typer.Option(min=1e-3, help="for which requests come")] = 1200.0,
    reply: Annotated[int, typer.Option(min=1, help="bytes of an answer, framed")] = 64,
    seed: Annotated[int, typer.Option(min=0, help="of requests, and of the channel")] = 0,
    runners: Annotated[int, typer.Option(min=0, help="further answers, a network each")] = 4,
    look: Annotated[
        int,
        typer.Option(
            min=0,
            help="networks that are read whole at most, the most promising ones; 0 for all, as with a file as a profile",
        ),
    ] = 60,
    ship: Annotated[
        Path | None, typer.Option(help="folder to write the answer to: parts, thresholds, manifest")
    ] = None,
    records: options.Records = PUBLISHED,
    runs: options.Runs = options.RUNS,
    debug: options.Debug = False,
) -> None:
    """Answer which network to ship, how sparse, with which exits, cut where: the best within limits, from records.

    The records of a task are searched: all networks at a glance, the most promising ones whole (--look), with each cut, codec
    and policy that they have. Nothing is run: requests come one by one and wait for the device, the link and the server, as in
    `seesaw deploy`. Where nothing keeps to all limits, the nearest is shown, and by how much it exceeds which one.

    Numbers are means over seeds, and an answer of fewer than three seeds says so. What is modelled is marked, and is never
    compared with what was measured. Published records are searched; --records results/records searches your own.

    Examples:
      seesaw plan --task fashion-mnist --max-latency 50ms --channel lte

      seesaw plan --task fashion-mnist --max-latency 50ms --deadline-miss 1% --max-device-bytes 300kB --max-energy 5mJ
      --channel lte --profile 'scaled\\[by=20,watts=2.5]' --min-accuracy 0.85

      seesaw plan --task digits --min-accuracy 95% --prefer device-bytes --records results/records --ship shipped
    """
    begun = time.perf_counter()
    if prefer not in PREFERENCES:
        raise SeesawError(
            f"Nothing is best in {prefer!r}{near(prefer, PREFERENCES)} Choose {', '.join(PREFERENCES)}."
        )
    limits = within.limits()
    check_names("channel", [channel])
    sides.check_names()
    folder = _folder(records, task)

    from bench.commands.split import answer as shown
    from bench.kinds.channel import Channel
    from bench.plugins.plugin import choose
    from bench.records.store import Store
    from bench.replay.plan.queue import SPARE, Arrivals, Road
    from bench.replay.plan.search import Asked, search

    with out.status("Searching ..."):
        conditions = choose(Channel, channel).plugin.conditions(seconds + SPARE, seed)
        device, server = (one.plugin for one in sides.chosen())
        asked = Asked(
            limits, prefer, device, server, Road(conditions, reply), Arrivals.of(rate, seconds, seed), 0 if sides.have_file else look, runners,
            machine, task if task != folder.name and "-v" in task else "",
        )  # fmt: skip
        store = Store(records, runs)
        found = search(folder, asked, store)
    for part, style in shown.shown(found, asked, channel):
        out.print(part, style=style, soft_wrap=isinstance(part, str))
    out.print(f"Searched in {time.perf_counter() - begun:.1f} s.", style="dim")
    if ship is not None:
        if not found.found:
            raise SeesawError(
                "Nothing is shipped, as nothing keeps to all limits. Relax the one that is named above."
            )
        with out.status("Packing ..."):
            from bench.commands.split.ship import ship_answer

            written = ship_answer(found.found[0], store, ship)
        for path in written:
            out.print(str(path), soft_wrap=True)


def _folder(records: Path, task: str) -> Path:
    """The folder of a task's records, of the newest version where none is named.

    Raises:
        SeesawError: there is none.
    """
    from bench.records.setup import task_and_version

    names = sorted(one.name for one in records.glob("*") if one.is_dir())
    own = [
        one for one in names if task == one or task.startswith(f"{one}-") or task_and_version(one)[0] == task
    ]
    if not own:
        known = f"one of {', '.join(names)}, " if names else ""
        raise SeesawError(
            f"There is no record of a task {task!r} below {records}{near(task, [task_and_version(one)[0] for one in names])} "
            f"Name {known}another folder with --records, or run it: seesaw run --task ..."
        )
    return records / max(own, key=lambda one: task_and_version(one)[1:])
