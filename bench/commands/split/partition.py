"""seesaw partition: where each operation of a network runs, on the device, at the edge and in the cloud, and what that costs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from bench.boards.units import in_bytes, seconds
from bench.commands import options
from bench.commands.options import out
from bench.commands.split import graphs
from bench.commands.split.asked import profile_spec
from bench.errors import SeesawError, counted
from bench.plugins.names import check_names

if TYPE_CHECKING:
    from bench.kinds.partitioner import Partitioner
    from bench.kinds.placement import Cost, LinkState, Placement, Site
    from bench.plugins.plugin import Choice
    from bench.records.graph import Exit, Graph

USUAL = "min-cut,neurosurgeon,d3,fused"


def partition(
    model: Annotated[
        str, typer.Argument(help="spec of a backbone, or a file that `seesaw profile --graph` wrote")
    ],
    partitioner: Annotated[str, typer.Option(help="specs, joined by commas")] = USUAL,
    channel: Annotated[str, typer.Option(help="spec of the device's link")] = "lte",
    profile: Annotated[
        str, typer.Option(help="the device: spec of a profile, or a file of `seesaw profile --graph`")
    ] = "scaled[by=10]",
    edge: Annotated[
        str | None,
        typer.Option(help="a tier between device and server, in the same way; left out: there is none"),
    ] = None,
    server: Annotated[str, typer.Option(help="the server, in the same way")] = "recorded",
    backhaul: Annotated[
        str, typer.Option(help="with --edge: spec of the link from the edge to the server")
    ] = "constant[up=30,rtt=40]",
    beside: Annotated[
        str, typer.Option(help="spec of the link between machines of one tier, for those that share rows")
    ] = "constant[up=1000,rtt=0.2]",
    then: Annotated[
        str | None,
        typer.Option(help="spec of what the device's link becomes: placements are repaired, and made anew"),
    ] = None,
    exits: Annotated[
        str | None,
        typer.Option(help="early exits: operation=share of its samples that leave, joined by commas"),
    ] = None,
    at: Annotated[
        float, typer.Option(min=0, help="second of the channels at which everything is sent")
    ] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="of the channels")] = 0,
    image: graphs.Image = graphs.IMAGE,
    classes: graphs.Classes = graphs.CLASSES,
    rounds: Annotated[int, typer.Option(min=3, help="how often each operation is timed, at most")] = 10,
    longest: Annotated[float, typer.Option(min=0.1, help="seconds for timing, at most")] = 20.0,
    threads: options.Threads = None,
    debug: options.Debug = False,
) -> None:
    """Place a network's operations on a device, a server, and perhaps an edge between them, so that an answer comes soonest.

    The network is captured as a graph: operations, and the tensors between them, of which several may cross at once. Its
    operations are timed on this machine first, unless a file has them; other machines are that one, scaled, or files of their
    own. A placement's seconds are those of all operations on their tiers, of every tensor on each link that it crosses, once,
    and a trip there and back for each link that is used. `seesaw list partitioner` shows all partitioners.

    Examples:
      seesaw partition 'torchvision\\[name=alexnet]' --channel wifi --profile 'scaled\\[by=20]'

      seesaw profile --graph --model 'torchvision\\[name=googlenet]' --out here.json

      seesaw partition here.json --edge 'scaled\\[by=2]' --partitioner min-cut,d3 --then 3g
    """
    specs = options.words(partitioner)
    if not specs:
        raise SeesawError("--partitioner names nothing. Name one at least, or leave the option out.")
    check_names("partitioner", specs)
    links = [channel, *([backhaul] if edge else [])]
    check_names("channel", [*links, beside, *([then] if then else [])])
    tiers = {"device": profile, **({"edge": edge} if edge else {}), "server": server}
    tiers = {name: profile_spec(one) for name, one in tiers.items()}
    check_names("profile", list(tiers.values()))
    graph = graphs.read_or_time(model, image, classes, threads, rounds, longest)
    from bench.kinds.partitioner import Partitioner
    from bench.plugins.plugin import choose

    graph = graph.model_copy(update={"exits": _exits(exits, graph, classes)})
    chosen = [choose(Partitioner, spec) for spec in specs]
    site = _site(graph, tiers, [_state(one, at, seed) for one in links], _state(beside, at, seed))
    out.print(f"{graph.model}, {counted(len(graph.operations), 'operation')}", style="bold", soft_wrap=True)
    placed = _print_placed(graph, site, chosen)
    if then is not None:
        after = _site(
            graph, tiers, [_state(one, at, seed) for one in (then, *links[1:])], site.beside, quiet=True
        )
        _print_repaired(graph, after, chosen, placed, then)


def _state(spec: str, at: float, seed: int) -> LinkState:
    """A channel at one moment."""
    from bench.kinds.channel import Channel
    from bench.kinds.placement import LinkState
    from bench.plugins.plugin import choose

    return LinkState.of(choose(Channel, spec).plugin.conditions(at + 1.0, seed), at)


def _site(
    graph: Graph,
    tiers: dict[str, str],
    links: Sequence[LinkState],
    beside: LinkState | None,
    *,
    quiet: bool = False,
) -> Site:
    """The machines, which are printed with the origin of their times."""
    from bench.kinds.device import Profile
    from bench.kinds.placement import Site
    from bench.plugins.plugin import choose

    times = {name: choose(Profile, spec).plugin.operations(graph) for name, spec in tiers.items()}
    if not quiet:
        for name, one in times.items():
            mark = ", disturbed by other programs" if one.disturbed else ""
            out.print(
                f"{name}: {seconds(sum(one.seconds))} for all, {one.time}: {one.source}{mark}", soft_wrap=True
            )
        for (name, other), link in zip(zip(tiers, list(tiers)[1:], strict=False), links, strict=True):
            out.print(
                f"{name} to {other}: {link.up * 8e-6:.4g} Mbit/s up, {link.down * 8e-6:.4g} down, {2e3 * link.delay:.4g} ms there and back",
                soft_wrap=True,
            )
    import numpy as np

    return Site(tuple(tiers), np.array([one.seconds for one in times.values()]), tuple(links), beside)


def _exits(text: str | None, graph: Graph, classes: int) -> tuple[Exit, ...]:
    """Exits behind operations that a text names with the shares that leave.

    Raises:
        SeesawError: an operation does not exist or is no border, or a share is none.
    """
    from bench.records.graph import Exit

    names = {graph.operations[number].name: number for number in graph.borders[1:]}
    found = []
    for word in options.words(text or ""):
        name, _, share = word.rpartition("=")
        if name not in names:
            near = ", ".join(list(names)[:: max(1, len(names) // 8)])
            raise SeesawError(
                f"{name or word!r} is no operation that every path passes, so no exit can stand behind it. Write operation=share, with "
                f"an operation such as {near}."
            )
        try:
            leaves = float(share)
            if not 0 <= leaves <= 1:
                raise ValueError(share)
        except ValueError as error:
            raise SeesawError(
                f"{share!r} is no share of samples that leave. Write one from 0 to 1: {name}=0.4."
            ) from error
        (tensor,) = graph.out_of[names[name]]
        channels = tensor.bytes // 4 // max(1, graph.operations[names[name]].height ** 2)
        found.append(Exit(behind=names[name], share=leaves, macs=max(1, channels) * classes))
    return tuple(sorted(found, key=lambda one: one.behind))


def _print_placed(graph: Graph, site: Site, chosen: Sequence[Choice[Partitioner]]) -> list[Placement]:
    """A table with a line for each partitioner, then which operations run where."""
    from bench.kinds.placement import Placement, cost

    count, last = len(graph.operations), len(site.names) - 1
    alone = {f"{site.names[0]} alone": Placement((0,) * count)}
    alone |= {
        f"{site.names[tier]} alone": Placement((0, *[tier] * (count - 1))) for tier in range(1, last + 1)
    }
    rows = [(name, one, cost(graph, site, one), "") for name, one in alone.items()]
    placements = []
    for choice in chosen:
        begun = time.process_time()
        placement = choice.plugin.place(graph, site)
        taken = time.process_time() - begun
        placements.append(placement)
        rows.append((choice.spec, placement, cost(graph, site, placement), seconds(taken)))
    exact = [
        row[2].seconds
        for row, choice in zip(rows[len(alone) :], chosen, strict=True)
        if choice.plugin.is_exact
    ]
    out.print(_table(site, rows, min(exact, default=None)))
    for name, placement, found, _ in rows[len(alone) :]:
        for line in described(graph, site, name, placement, found):
            out.print(line, soft_wrap=True)
    return placements


def _table(site: Site, rows: Sequence[tuple[str, Placement, Cost, str]], least: float | None) -> Table:
    """Seconds on each tier and link, of which those of a link hold the trip there and back."""
    places = [word for name in site.names[:-1] for word in (name, "sent")]
    table = Table(
        "",
        *places,
        site.names[-1],
        "in all",
        "faster",
        box=SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    if least is not None:
        table.add_column("gap")
    table.add_column("found")
    for column in table.columns:
        column.no_wrap = True
        column.justify = "left" if column is table.columns[0] else "right"
    slowest = rows[0][2].seconds
    for name, _, found, taken in rows:
        sent = [a + b for a, b in zip(found.sending, found.trips, strict=True)]
        spent = [value for pair in zip(found.computing, [*sent, 0.0], strict=True) for value in pair][:-1]
        gap = [] if least is None else [f"{round(found.seconds / least - 1, 4) + 0.0:.1%}" if least else "-"]
        table.add_row(
            name, *(seconds(value) if value else "-" for value in spent), seconds(found.seconds),
            f"{slowest / found.seconds:.2f} x" if found.seconds else "-", *gap, taken or "-",
        )  # fmt: skip
    return table


def described(graph: Graph, site: Site, name: str, placement: Placement, found: Cost) -> list[str]:
    """Lines that say which operations run where, and which tensors cross."""
    lines = [f"{name}:"]
    for tier, place in enumerate(site.names):
        numbers = [number for number, one in enumerate(placement.tiers) if one == tier and number]
        if numbers:
            lines.append(f"  {place} ({counted(len(numbers), 'operation')}): {_ranges(graph, numbers)}")
        elif tier == 0 or placement.tiers[-1] > tier:
            lines.append(f"  {place}: nothing, it passes on what comes")
        if tier < len(site.links) and found.tensors[tier]:
            crossing = placement.sent(graph, tier)
            size = sum(graph.edges[one].bytes for one in crossing)
            share = found.bytes[tier] / size if size else 1.0
            sent = [
                f"{graph.operations[graph.edges[one].source].name} {in_bytes(graph.edges[one].bytes)}"
                for one in crossing
            ]
            more = f", and {len(sent) - 6} more" if len(sent) > 6 else ""
            part = f", for {share:.1%} of the samples" if share < 1 else ""
            lines.append(f"  crosses: {', '.join(sent[:6])}{more}{part}")
    for one in placement.shared:
        first, last = graph.operations[one.first].name, graph.operations[one.last].name
        lines.append(f"  rows of {first} to {last} shared by {one.machines}")
    if placement.shared:
        lines.append(f"  between these: {in_bytes(found.exchanged)}, of each exchange the busiest machine's")
    return lines


def _ranges(graph: Graph, numbers: Sequence[int]) -> str:
    """Operations by name, rows of them from the first to the last."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    words = [
        graph.operations[run[0]].name
        if len(run) == 1
        else f"{graph.operations[run[0]].name} to {graph.operations[run[-1]].name}"
        for run in runs
    ]
    return ", ".join(words[:8]) + (f", and {len(words) - 8} more runs" if len(words) > 8 else "")


def _print_repaired(
    graph: Graph, site: Site, chosen: Sequence[Choice[Partitioner]], before: Sequence[Placement], then: str
) -> None:
    """A table of the placements that stood, were repaired and are made anew, under the new link."""
    from bench.kinds.placement import cost

    table = Table(
        f"with {then}", "as it stood", "repaired", "moved", "anew", "repaired in", "anew in", box=SIMPLE_HEAD
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for choice, placement in zip(chosen, before, strict=True):
        begun = time.process_time()
        repaired = choice.plugin.repair(graph, site, placement)
        between = time.process_time()
        anew = choice.plugin.place(graph, site)
        ended = time.process_time()
        moved = sum(a != b for a, b in zip(placement.tiers, repaired.tiers, strict=True))
        stood, mended, made = (cost(graph, site, one).seconds for one in (placement, repaired, anew))
        table.add_row(
            choice.spec,
            seconds(stood),
            seconds(mended),
            str(moved),
            seconds(made),
            seconds(between - begun),
            seconds(ended - between),
        )
    out.print(table)
