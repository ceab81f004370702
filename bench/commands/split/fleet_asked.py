"""Options of `fleet`: what devices do without a record, how many there are and over which links, and the servers that they share."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import typer

from bench.commands.split.asked import Batch, Deadline, Reply, Seed, Wait
from bench.errors import SeesawError

if TYPE_CHECKING:
    from bench.kinds.channel import Conditions
    from bench.replay.deploy.batches import Batching
    from bench.replay.deploy.game import Terms
    from bench.replay.fleet.fleet import Fleet
    from bench.replay.fleet.state import Work

Arrivals = Literal["poisson", "periodic"]
Service = Literal["constant", "exponential"]


@dataclass(frozen=True)
class PlainOptions:
    """The options that say what devices and servers do for a request, without a record."""

    computes: Annotated[
        float, typer.Option(min=0, help="without --record: seconds that a device computes for a request")
    ] = 0.0
    sends: Annotated[float, typer.Option(min=0, help="without --record: bytes that it sends")] = 0.0
    serves: Annotated[
        float | None, typer.Option(min=1e-9, help="without --record: mean seconds of a server for a request")
    ] = None
    serves_batch: Annotated[
        float | None,
        typer.Option(
            min=1e-9,
            help="without --record: seconds for a full batch of --batch requests; smaller ones lie on a line",
        ),
    ] = None
    watts: Annotated[
        float | None, typer.Option(min=0, help="without --record: of a device while it computes")
    ] = None

    def check(self, *, has_record: bool, has_sides: bool) -> None:
        """Hold the options to those that go together.

        Args:
            has_record: whether a network's record is named.
            has_sides: whether policies or profiles are.

        Raises:
            SeesawError: there is neither a record nor plain numbers, or options of both.
        """
        if has_record:
            if self.serves is not None or self.computes or self.sends or self.watts is not None:
                raise SeesawError(
                    "A network's seconds, bytes and watts come from its record and profiles. Leave out --computes, --sends, --serves and --watts."
                )
            if self.serves_batch is not None:
                raise SeesawError(
                    "A network's seconds come from its profiles. Leave out --serves-batch, and name a --server that has times of batches."
                )
            return
        if self.serves is None:
            raise SeesawError(
                "What do the devices do? Give --record of a network's run, or plain numbers: --serves SECONDS, with --computes and --sends."
            )
        if has_sides:
            raise SeesawError("--policy, --profile and --server are about a network. Give its --record too.")

    def work(self, reply: int) -> Work:
        """What each device does; `reply`: bytes of an answer."""
        from bench.replay.fleet.fleet import plain_work

        watts = math.nan if self.watts is None else self.watts
        return plain_work(self.computes, self.sends, self.serves or 0.0, watts, reply)


@dataclass(frozen=True)
class DevicesOptions:
    """The options that say how many devices there are, when they ask, and over which links."""

    devices: Annotated[int, typer.Option(min=1, help="of the fleet, to ten million")] = 1000
    rate: Annotated[float, typer.Option(min=1e-9, help="requests a second of each device, on the mean")] = 0.1
    seconds: Annotated[float, typer.Option(min=1e-3, help="for which requests come")] = 600.0
    arrivals: Annotated[
        str, typer.Option(help="poisson; periodic: at equal distances, from a moment of each device's own")
    ] = "poisson"
    channel: Annotated[
        list[str] | None,
        typer.Option(help="spec of the link; of several, devices are shared out evenly; left out: constant"),
    ] = None
    spread: Annotated[
        float,
        typer.Option(
            min=0, help="seconds of the link's table within which devices begin, each at its own place"
        ),
    ] = 600.0
    battery: Annotated[
        float, typer.Option(min=0, help="joules of a device, which then makes no request any more; 0: no end")
    ] = 0.0
    warm: Annotated[
        float, typer.Option(min=0, help="seconds at the beginning whose requests are not counted")
    ] = 0.0
    seed: Seed = 0

    @property
    def links(self) -> list[str]:
        """The specs of the channels."""
        return self.channel or ["constant"]

    def tables(self) -> list[Conditions]:
        """The channels' tables, for as long as devices may need them."""
        from bench.kinds.channel import Channel
        from bench.plugins.plugin import choose
        from bench.replay.fleet.fleet import SPARE

        seconds = self.seconds + self.spread + SPARE
        return [choose(Channel, spec).plugin.conditions(seconds, self.seed) for spec in self.links]


@dataclass(frozen=True)
class ServersOptions:
    """The options that say how servers take requests, and how many of these may be late."""

    service: Annotated[
        str,
        typer.Option(help="constant: each takes the seconds that are known; exponential: these on the mean"),
    ] = "constant"
    batch: Batch = 1
    wait: Wait = 0.0
    deadline: Deadline = None
    max_miss: Annotated[
        str, typer.Option(help="share of late answers that is allowed: the fewest servers for it are found")
    ] = "1%"
    servers: Annotated[
        list[int] | None,
        typer.Option(min=1, help="servers to simulate (may be repeated), instead of finding the fewest"),
    ] = None
    reply: Reply = 64

    @property
    def share(self) -> float:
        """The share of late answers that is allowed.

        Raises:
            SeesawError: it is none.
        """
        from bench.replay.plan.limits import SHARE, amount

        share = amount(self.max_miss, SHARE, "--max-miss")
        if not 0 <= share <= 1:
            raise SeesawError(f"--max-miss {self.max_miss} is no share. Give one from 0% to 100%.")
        return share

    def check_batches(self, plain: PlainOptions, *, has_record: bool) -> None:
        """Hold options about batches to those that go together.

        Raises:
            SeesawError: one of them is missing, or a full batch takes no longer than one request.
        """
        if self.batch == 1 and (self.wait or plain.serves_batch is not None):
            raise SeesawError(
                "Servers take one by one, and a batch has options. Give --batch SIZE, or leave out --wait and --serves-batch."
            )
        is_short = plain.serves_batch is None or plain.serves_batch < (plain.serves or 0.0)
        if self.batch > 1 and not has_record and is_short:
            raise SeesawError(
                f"How long is a server at {self.batch} requests together? Give --serves-batch SECONDS, no fewer than --serves, or --record of a network's run."
            )

    def check_deadline(self) -> None:
        """See that it is known what is looked for.

        Raises:
            SeesawError: no answer is late, and no number of servers is given.
        """
        if self.deadline is None and not self.servers:
            raise SeesawError(
                "No answer is late without a deadline. Give --deadline SECONDS, or say how many there are with --servers."
            )

    def terms(self) -> Terms:
        """What a network's samples meet."""
        from bench.replay.deploy.game import Terms

        return Terms(self.reply, largest=self.batch, wait=self.wait)

    def batching(self, plain: PlainOptions) -> Batching:
        """How servers batch plain work."""
        from bench.replay.fleet.fleet import plain_batching

        return plain_batching(plain.serves or 0.0, plain.serves_batch or 0.0, self.batch, self.wait)


def check_words(devices: DevicesOptions, servers: ServersOptions) -> None:
    """Hold words to those that there are.

    Raises:
        SeesawError: one is none.
    """
    for value, kind, name in (
        (devices.arrivals, Arrivals, "--arrivals"),
        (servers.service, Service, "--service"),
    ):
        if value not in get_args(kind):
            raise SeesawError(f"{name} {value!r} is none. Choose {' or '.join(get_args(kind))}.")


def check_numbers(*groups: PlainOptions | DevicesOptions | ServersOptions) -> None:
    """See that all numbers are finite.

    Raises:
        SeesawError: one is not.
    """
    if not all(math.isfinite(one) for group in groups for one in _numbers(astuple(group))):
        raise SeesawError("An option is no finite number. Give one that is, or leave the option out.")


def _numbers(values: tuple[Any, ...]) -> Iterator[float]:
    yield from (one for one in values if isinstance(one, float))


def fleet_of(
    devices: DevicesOptions,
    servers: ServersOptions,
    tables: list[Conditions],
    works: list[Work],
    batching: Batching,
) -> Fleet:
    """The fleet of one policy: what it makes of samples on each channel."""
    from bench.replay.fleet.fleet import Fleet, shared_out

    return Fleet(
        shared_out(devices.devices, tables, works), devices.rate, devices.seconds, devices.arrivals, servers.deadline,  # pyright: ignore[reportArgumentType]
        devices.spread, devices.battery, devices.warm, servers.service, devices.seed, batching,  # pyright: ignore[reportArgumentType]
    )  # fmt: skip
