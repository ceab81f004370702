"""What a terminal and a file show of a fleet: a table, the answer in a sentence, closed forms, and JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bench.boards.units import seconds as in_seconds
from bench.errors import counted

if TYPE_CHECKING:
    from bench.replay.fleet.fleet import Fleet
    from bench.replay.fleet.servers import Needed
    from bench.replay.fleet.simulate import Served


def sentence(found: Needed, share: float, of: Fleet, title: str) -> str:
    """The answer."""
    from bench.replay.fleet.simulate import STEPS

    limit, least, none_waits, deadline = (
        f"{100 * share:.3g}%",
        found.least,
        found.none_waits,
        of.deadline or math.inf,
    )
    if least is None:
        step, taken = max(zip(STEPS, none_waits.steps, strict=True), key=lambda one: one[1])
        lost = (
            f" Of the requests, {100 * none_waits.lost / none_waits.requests:.2f}% are of devices whose battery is empty."
            if none_waits.lost
            else ""
        )
        alone = "no message waits for one" if of.batching.largest == 1 else "each batch has one of its own"
        none = (
            "was found" if of.batching.wait else "suffices"
        )  # larger batches may be full sooner than a wait ends
        return (
            f"No number of servers {none} for {title}: where {alone}, {100 * none_waits.miss:.2f}% of the answers "
            f"come later than {in_seconds(deadline)}, or never, and {limit} may.{lost} The longest step is {step}: {in_seconds(taken)} "
            "of each request, on the mean."
        )
    if not least.servers:
        return f"{title} need no server: the devices answer all requests themselves, and {100 * least.miss:.2f}% of the answers come later than {in_seconds(deadline)}."
    fewer = next((one for one in found.tried if one.servers == least.servers - 1), None)
    return (
        f"{title} need {counted(least.servers, 'server')} for at most {limit} of answers later than {in_seconds(deadline)}: "
        f"{100 * least.miss:.2f}% are{'' if fewer is None else f', and {100 * fewer.miss:.2f}% with one server fewer'}."
    )


def table(title: str, tried: Sequence[Served], of: Fleet, plain: bool) -> Any:
    """A line for every number of servers that was tried; of plain work nothing is said of answers."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    heads = ("servers", "late", "mean", "median", "95%", "99%", "for server", "busy")
    spends, batches = any(one.joules for one in tried), of.batching.largest > 1
    for name in (
        *heads,
        *(("a batch",) if batches else ()),
        *(() if plain else ("sent", "right")),
        *(("J",) if spends else ()),
    ):
        table.add_column(name, justify="right")
    for one in tried:
        table.add_row(
            f"{one.servers:,}" if one.servers else "no wait", "-" if of.deadline is None else f"{100 * one.miss:.2f}%",
            _time(one.seconds), *(_time(one.quantile(share)) for share in (0.5, 0.95, 0.99)),
            in_seconds(one.steps[5]), f"{100 * one.busy:.0f}%" if one.servers else f"load {one.load:.3g}",
            *((f"{one.sent / max(one.batches, 1):.1f}",) if batches else ()),
            *(() if plain else (f"{100 * count / max(one.requests, 1):.1f}%" for count in (one.sent, one.right))),
            *((f"{one.joules:.3g}",) if spends else ()),
        )  # fmt: skip
    return table


def _time(value: float) -> str:
    return in_seconds(value) if value < math.inf else "never"


def as_json(one: Served) -> dict[str, Any]:
    """What came of a fleet, as JSON has it: no number that is none."""
    from bench.replay.fleet.simulate import STEPS

    return {
        "servers": one.servers or None, "requests": one.requests, "answered": one.answered, "late": one.late, "lost": one.lost,
        "sent": one.sent, "batches": one.batches, "right": one.right, "miss": one.miss, "mean": None if math.isnan(one.seconds) else one.seconds, "load": one.load, "joules": one.joules, "empty": one.empty,
        "steps": dict(zip(STEPS, one.steps, strict=True)),
        "quantiles": {str(share): None if math.isinf(value := one.quantile(share)) else value for share in (0.5, 0.9, 0.95, 0.99, 0.999)},
        "miss_over_time": [None if math.isnan(share) else share for share in one.stretches.tolist()],
    }  # fmt: skip


def closed_forms(of: Fleet, servers: Sequence[int]) -> Iterator[str]:
    """What formulas give for a server, where requests reach the servers as they come."""
    from bench.replay.fleet.theory import mean_wait

    work = of.groups[0].work
    plain = all(not group.work.seconds.any() and not group.work.framed.any() for group in of.groups)
    if of.arrivals != "poisson" or not plain or of.batching.largest > 1:
        return
    rate, service = of.size * of.rate, float(work.service[0])
    for number in servers:
        if number <= rate * service:
            yield f"{counted(number, 'server')} cannot keep up with a load of {rate * service:.3g}: the line grows for as long as requests come."
        elif of.service == "exponential":
            wait = in_seconds(mean_wait(rate, service, number))
            yield f"By Erlang's formula a message waits {wait} for {counted(number, 'server')} in the long run (M/M/{number})."
        elif number == 1:
            wait = in_seconds(mean_wait(rate, service, 1, False))
            yield f"By Pollaczek and Khinchine a message waits {wait} for 1 server in the long run (M/D/1)."
