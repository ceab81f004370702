"""seesaw fleet: how many servers many devices need, by simulation of every request."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import typer

from bench.commands import options
from bench.commands.early import hold_record
from bench.commands.options import out
from bench.commands.split import fleet_shown as shown
from bench.commands.split.asked import Batch, Deadline, NetworkOptions, Reply, Seed, Wait
from bench.errors import SeesawError, counted
from bench.plugins.names import check_names

if TYPE_CHECKING:
    from bench.kinds.channel import Conditions
    from bench.replay.deploy.batches import Batching
    from bench.replay.deploy.game import Terms
    from bench.replay.fleet.fleet import Fleet
    from bench.replay.fleet.share import Begin
    from bench.replay.fleet.state import Work

Arrivals = Literal["poisson", "periodic"]
Service = Literal["constant", "exponential"]
PLAIN = "plain"
"""The name of what devices do by --computes, --sends and --serves."""


@options.with_options
def fleet(
    *,
    record: Annotated[
        Path | None, typer.Option(help="record of a network's run, or the run's folder; or give --serves")
    ] = None,
    computes: Annotated[
        float, typer.Option(min=0, help="without --record: seconds that a device computes for a request")
    ] = 0.0,
    sends: Annotated[float, typer.Option(min=0, help="without --record: bytes that it sends")] = 0.0,
    serves: Annotated[
        float | None, typer.Option(min=1e-9, help="without --record: mean seconds of a server for a request")
    ] = None,
    serves_batch: Annotated[
        float | None,
        typer.Option(
            min=1e-9,
            help="without --record: seconds for a full batch of --batch requests; smaller ones lie on a line",
        ),
    ] = None,
    service: Annotated[
        str,
        typer.Option(help="constant: each takes the seconds that are known; exponential: these on the mean"),
    ] = "constant",
    devices: Annotated[int, typer.Option(min=1, help="of the fleet, to ten million")] = 1000,
    rate: Annotated[
        float, typer.Option(min=1e-9, help="requests a second of each device, on the mean")
    ] = 0.1,
    seconds: Annotated[float, typer.Option(min=1e-3, help="for which requests come")] = 600.0,
    arrivals: Annotated[
        str, typer.Option(help="poisson; periodic: at equal distances, from a moment of each device's own")
    ] = "poisson",
    channel: Annotated[
        list[str] | None,
        typer.Option(help="spec of the link; of several, devices are shared out evenly; left out: constant"),
    ] = None,
    spread: Annotated[
        float,
        typer.Option(
            min=0, help="seconds of the link's table within which devices begin, each at its own place"
        ),
    ] = 600.0,
    policy: Annotated[
        list[str] | None, typer.Option(help="spec of a split policy (may be repeated); left out: dynamic")
    ] = None,
    network: NetworkOptions,
    batch: Batch = 1,
    wait: Wait = 0.0,
    deadline: Deadline = None,
    max_miss: Annotated[
        str, typer.Option(help="share of late answers that is allowed: the fewest servers for it are found")
    ] = "1%",
    servers: Annotated[
        list[int] | None,
        typer.Option(min=1, help="servers to simulate (may be repeated), instead of finding the fewest"),
    ] = None,
    battery: Annotated[
        float, typer.Option(min=0, help="joules of a device, which then makes no request any more; 0: no end")
    ] = 0.0,
    watts: Annotated[
        float | None, typer.Option(min=0, help="without --record: of a device while it computes")
    ] = None,
    warm: Annotated[
        float, typer.Option(min=0, help="seconds at the beginning whose requests are not counted")
    ] = 0.0,
    reply: Reply = 64,
    seed: Seed = 0,
    on: Annotated[
        str,
        typer.Option(
            help="where devices are simulated: local, or 'ray[address=auto,workers=8]' with a share of them on each worker"
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
    for value, kind, name in ((arrivals, Arrivals, "--arrivals"), (service, Service, "--service")):
        if value not in get_args(kind):
            raise SeesawError(f"{name} {value!r} is none. Choose {' or '.join(get_args(kind))}.")
    numbers = (
        computes,
        sends,
        serves,
        serves_batch,
        wait,
        rate,
        seconds,
        spread,
        deadline,
        battery,
        watts,
        warm,
    )
    if not all(math.isfinite(one) for one in numbers if one is not None):
        raise SeesawError("An option is no finite number. Give one that is, or leave the option out.")
    _check(record, serves, computes, sends, watts, policy, network)
    _check_batches(record, batch, wait, serves, serves_batch)
    begin = _begin(on)
    if deadline is None and not servers:
        raise SeesawError(
            "No answer is late without a deadline. Give --deadline SECONDS, or say how many there are with --servers."
        )
    links, specs = channel or ["constant"], [PLAIN] if record is None else (policy or ["dynamic"])
    check_names("channel", links)
    with out.status("Reading ..."):
        from bench.replay.fleet.fleet import SPARE, Fleet, plain_batching, shared_out
        from bench.replay.plan.limits import SHARE, amount

        share = amount(max_miss, SHARE, "--max-miss")
        if not 0 <= share <= 1:
            raise SeesawError(f"--max-miss {max_miss} is no share. Give one from 0% to 100%.")
        tables = _tables(links, seconds + spread + SPARE, seed)
        if record is None:
            works = [_plain(len(tables), computes, sends, serves or 0.0, watts, reply)]
            batching = plain_batching(serves or 0.0, serves_batch or 0.0, batch, wait)
        else:
            works, batching = _works(network, record, specs, tables, _terms(reply, batch, wait))
    made = []
    for work in works:
        made.append(
            Fleet(
                shared_out(devices, tables, work), rate, seconds, arrivals, deadline,  # pyright: ignore[reportArgumentType]
                spread, battery, warm, service, seed, batching,  # pyright: ignore[reportArgumentType]
            )
        )  # fmt: skip
    if any(math.isnan(work[0].watts) for work in works) and (battery > 0 or any(map(_has_radio, tables))):
        out.print("Joules are of the radio alone, as nobody has named the device's power.", style="yellow")
    answers = [_answer(spec, one, servers, share, begin) for spec, one in zip(specs, made, strict=True)]
    out.print(f"Simulated in {time.perf_counter() - begun:.1f} s.", style="dim")
    if out_ is not None:
        from bench.files import write_whole

        write_whole(out_, (json.dumps(answers, indent=1) + "\n").encode(), "--out")
        out.print(str(out_), soft_wrap=True)


def _check(record: Path | None, serves: float | None, computes: float, sends: float, watts: float | None,
           policy: list[str] | None, network: NetworkOptions) -> None:  # fmt: skip
    """Hold options to those that go together.

    Raises:
        SeesawError: there is neither a record nor plain numbers, or options of both.
    """
    if record is None:
        if serves is None:
            raise SeesawError(
                "What do the devices do? Give --record of a network's run, or plain numbers: --serves SECONDS, with --computes and --sends."
            )
        if policy or network.sides != ["recorded", "recorded"]:
            raise SeesawError("--policy, --profile and --server are about a network. Give its --record too.")
        return
    if serves is not None or computes or sends or watts is not None:
        raise SeesawError(
            "A network's seconds, bytes and watts come from its record and profiles. Leave out --computes, --sends, --serves and --watts."
        )
    network.check_names(policy or ["dynamic"])
    hold_record(record)


def _check_batches(
    record: Path | None, batch: int, wait: float, serves: float | None, serves_batch: float | None
) -> None:
    """Hold options about batches to those that go together.

    Raises:
        SeesawError: one of them is missing, or a full batch takes no longer than one request.
    """
    if batch == 1 and (wait or serves_batch is not None):
        raise SeesawError(
            "Servers take one by one, and a batch has options. Give --batch SIZE, or leave out --wait and --serves-batch."
        )
    if batch > 1 and record is None and (serves_batch is None or serves_batch < (serves or 0.0)):
        raise SeesawError(
            f"How long is a server at {batch} requests together? Give --serves-batch SECONDS, no fewer than --serves, or --record of a network's run."
        )
    if record is not None and serves_batch is not None:
        raise SeesawError(
            "A network's seconds come from its profiles. Leave out --serves-batch, and name a --server that has times of batches."
        )


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


def _tables(links: Sequence[str], seconds: float, seed: int) -> list[Conditions]:
    from bench.kinds.channel import Channel
    from bench.plugins.plugin import choose

    return [choose(Channel, spec).plugin.conditions(seconds, seed) for spec in links]


def _has_radio(table: Conditions) -> bool:
    return bool(table.watts.any() or table.joules_per_byte.any() or table.tail_seconds * table.tail_watts)


def _plain(
    count: int, computes: float, sends: float, serves: float, watts: float | None, reply: int
) -> list[Work]:
    from bench.replay.fleet.fleet import plain_work

    return [plain_work(computes, sends, serves, math.nan if watts is None else watts, reply)] * count


def _terms(reply: int, batch: int, wait: float) -> Terms:
    from bench.replay.deploy.game import Terms

    return Terms(reply, largest=batch, wait=wait)


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
