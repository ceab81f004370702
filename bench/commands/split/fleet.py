"""seesaw fleet: how many servers many devices need, by simulation of every request."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.commands import options
from bench.commands.early import hold_record
from bench.commands.options import out
from bench.commands.split import fleet_shown as shown
from bench.commands.split.asked import NetworkOptions
from bench.commands.split.fleet_asked import (
    DevicesOptions,
    PlainOptions,
    ServersOptions,
    check_numbers,
    check_words,
    fleet_of,
)
from bench.errors import SeesawError, counted
from bench.plugins.names import check_names

if TYPE_CHECKING:
    from bench.kinds.channel import Conditions
    from bench.replay.deploy.batches import Batching
    from bench.replay.deploy.game import Terms
    from bench.replay.fleet.fleet import Fleet
    from bench.replay.fleet.share import Begin
    from bench.replay.fleet.state import Work

PLAIN = "plain"
"""The name of what devices do by --computes, --sends and --serves."""


@options.with_options
def fleet(
    *,
    record: Annotated[
        Path | None, typer.Option(help="record of a network's run, or the run's folder; or give --serves")
    ] = None,
    plain: PlainOptions,
    devices: DevicesOptions,
    policy: Annotated[
        list[str] | None, typer.Option(help="spec of a split policy (may be repeated); left out: dynamic")
    ] = None,
    network: NetworkOptions,
    servers: ServersOptions,
    on: Annotated[
        str,
        typer.Option(
            help="where devices are simulated: local, or 'ray\\[address=auto,workers=8]' with a share of them on each worker"
        ),
    ] = "local",
    out_: Annotated[
        Path | None, typer.Option("--out", help="JSON file with all that is printed, and more")
    ] = None,
    debug: options.Debug = False,
) -> None:
    """Simulate many devices that share servers, request by request: how many servers are needed, and what else takes the time.

    Each device has a link of its own, begins at its own place of the channel's table, and takes its requests one after the other;
    the servers take what arrives from one waiting line. What a device sends is decided by a split policy, asked with the present
    rate of its link; it learns from no answer. Without a record all devices do the same: --computes, --sends, --serves.

    Examples:
      seesaw fleet --devices 1000 --serves 0.008 --deadline 0.1

      seesaw fleet --devices 100000 --computes 0.02 --sends 20000 --serves 0.004 --channel lte --deadline 0.5 --max-miss 2%

      seesaw fleet --record R.json --devices 10000 --policy dynamic --policy 'fixed\\[cut=2]' --channel recording --deadline 0.2
    """
    begun = time.perf_counter()
    specs = [PLAIN] if record is None else (policy or ["dynamic"])
    _check(record, policy, network, plain, devices, servers)
    begin = _begin(on)
    servers.check_deadline()
    check_names("channel", devices.links)
    with out.status("Reading ..."):
        share, tables = servers.share, devices.tables()
        if record is None:
            works, batching = [[plain.work(servers.reply)] * len(tables)], servers.batching(plain)
        else:
            works, batching = _works(network, record, specs, tables, servers.terms())
    made = [fleet_of(devices, servers, tables, work, batching) for work in works]
    if any(math.isnan(work[0].watts) for work in works) and (
        devices.battery > 0 or any(map(_has_radio, tables))
    ):
        out.print("Joules are of the radio alone, as nobody has named the device's power.", style="yellow")
    answers = [
        _answer(spec, one, servers.servers, share, begin) for spec, one in zip(specs, made, strict=True)
    ]
    out.print(f"Simulated in {time.perf_counter() - begun:.1f} s.", style="dim")
    if out_ is not None:
        from bench.files import write_whole

        write_whole(out_, (json.dumps(answers, indent=1) + "\n").encode(), "--out")
        out.print(str(out_), soft_wrap=True)


def _check(
    record: Path | None,
    policy: list[str] | None,
    network: NetworkOptions,
    plain: PlainOptions,
    devices: DevicesOptions,
    servers: ServersOptions,
) -> None:
    """Hold options to those that go together, before anything is loaded.

    Raises:
        SeesawError: they do not.
    """
    check_words(devices, servers)
    check_numbers(plain, devices, servers)
    has_sides = bool(policy) or network.sides != ["recorded", "recorded"]
    plain.check(has_record=record is not None, has_sides=has_sides)
    servers.check_batches(plain, has_record=record is not None)
    if record is not None:
        network.check_names()
        check_names("split", policy or ["dynamic"])
        hold_record(record)


def _begin(on: str) -> Begin:
    """What begins a fleet's shares at the place that --on names.

    Raises:
        SeesawError: there is no such place, or none for fleets.
    """
    from bench.runs.sweeps.places import OnRay, place_of

    place = place_of(on)
    if place is None:
        from bench.replay.fleet.share import Here

        return Here.of
    if not isinstance(place, OnRay):
        raise SeesawError(
            f"A fleet's devices are shared out by Ray alone, not by --on {on}. Choose local or 'ray[workers=8]'."
        )
    from bench.runs.fleet_on_ray import begin_on_ray

    return begin_on_ray(place)


def _has_radio(table: Conditions) -> bool:
    return bool(table.watts.any() or table.joules_per_byte.any() or table.tail_seconds * table.tail_watts)


def _works(
    options_: NetworkOptions, record: Path, specs: Sequence[str], tables: Sequence[Conditions], terms: Terms
) -> tuple[list[list[Work]], Batching]:
    """What each policy makes of the network's samples on each channel, and how the servers batch."""
    from bench.kinds.split import SplitPolicy
    from bench.plugins.plugin import choose
    from bench.replay.deploy.game import game_of
    from bench.replay.fleet.decide import work_of

    network, *_ = options_.network(record)
    times = [one.plugin.times(network.run) for one in options_.chosen()]
    games = [
        game_of(network.run, network.trace, network.crossed, times[0], times[1], table, terms)
        for table in tables
    ]
    policies = [choose(SplitPolicy, spec) for spec in specs]
    works = [
        [work_of(one.plugin, one.spec, game, table) for game, table in zip(games, tables, strict=True)]
        for one in policies
    ]
    return works, games[0].batching


def _answer(
    spec: str, of: Fleet, servers: Sequence[int] | None, share: float, begin: Begin
) -> dict[str, Any]:
    """Simulate a fleet, print what came of it, and give it as JSON has it."""
    from bench.replay.fleet.servers import needed
    from bench.replay.fleet.simulate import simulate

    title = f"{of.size:,} devices" if spec == PLAIN else f"{of.size:,} devices, {spec}"
    with out.status(f"Simulating {title} ...") as status:

        def report(number: int) -> None:
            status.update(
                f"Simulating {title}, {counted(number, 'server') if number else 'a server for each message'} ..."
            )

        if servers:
            tried, found = [], None
            for number in sorted(set(servers)):
                report(number)
                tried.append(simulate(of, number, begin=begin))
        else:
            found = needed(of, share, report, begin)
            tried = [*found.tried, found.none_waits]
    out.print(shown.table(title, tried, of, spec == PLAIN))
    sentence = None
    if found is not None and of.deadline is not None:
        sentence = shown.sentence(found, share, of, title)
        out.print(sentence, style="bold", soft_wrap=True)
    for part in shown.closed_forms(of, [one.servers for one in tried if one.servers]):
        out.print(part, soft_wrap=True)
    return {
        "policy": spec, "devices": of.size, "rate": of.rate, "seconds": of.seconds, "arrivals": of.arrivals, "deadline": of.deadline,
        "max_miss": share if found else None, "servers": found.least.servers if found and found.least else None, "answer": sentence,
        "tried": [shown.as_json(one) for one in tried],
    }  # fmt: skip
