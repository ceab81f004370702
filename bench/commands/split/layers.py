"""Layers of many kinds and sizes timed for `seesaw profile --layers`, and how far predictions from them are off."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table

from bench.commands.options import out
from bench.errors import SeesawError, counted

if TYPE_CHECKING:
    from bench.records.graph import Graph

FEWEST, MOST = 2, 1000
SHORTEST = 1e-7
"""Seconds below which an operation's time is no number to be off from."""


def time_layers(into: Path, count: int, seed: int, threads: int | None, rounds: int, longest: float) -> None:
    """Time drawn networks, write a graph's file for each into a folder, and print how far predictions are off.

    Args:
        into: the folder; files of other networks that it has are learnt from too.
        count: of networks.
        seed: of their layers.
        threads: of the processor; one where left open.
        rounds: how often each layer is timed undisturbed, at most.
        longest: seconds for one network.

    Raises:
        SeesawError: too few or too many networks, or the folder cannot be written.
    """
    if not FEWEST <= count <= MOST:
        raise SeesawError(
            f"--layers {count} draws too few networks, or too many. Each is predicted from the others: give {FEWEST} to {MOST}."
        )
    with out.status("Loading PyTorch ..."):
        import torch

        from bench.files import writable
        from bench.kinds.layers import graph_of
        from bench.machine import on_threads
        from bench.measuring.graph import with_times
        from bench.measuring.layers import drawn
        from bench.measuring.profile import Limits
        from bench.network.graph.dag import Dag
        from bench.records.graph import Graph

    for path in into.glob("*.json"):
        Graph.read(path)  # what else lies there is learnt from too, and must be such files
    writable(into, "Timed layers", "--out")
    with out.status("Timing ...") as status, on_threads(threads or 1):
        for number in range(count):
            module, sample = drawn(seed, number)
            dag, x = Dag.of(module, sample), torch.randn(1, *sample.shape)
            name = f"layers-{seed}-{number:03}"
            graph = graph_of(dag, name, sample)

            def report(line: str, name: str = name) -> None:
                status.update(f"Timing {name}, {line} ...")

            with_times(dag, graph, x, torch.device("cpu"), Limits(rounds, longest), report).write(
                into / f"{name}.json"
            )
    for part in errors_of(into):
        out.print(part, soft_wrap=isinstance(part, str))
    out.print(str(into), soft_wrap=True)


def errors_of(folder: Path) -> list[Table | str]:
    """How far the times of each timed network are off that are predicted from all others in a folder."""
    from bench.kinds.device import Profile
    from bench.plugins.plugin import choose
    from bench.records.graph import Graph

    graphs = [Graph.read(path) for path in sorted(folder.glob("*.json"))]
    clock = "processor" if any(graph.times.disturbed for graph in graphs) else "wall"
    spec = f"predicted[of={folder}{',clock=processor' if clock == 'processor' else ''}]"
    profile = choose(Profile, f'predicted[of="{folder}",clock={clock}]').plugin
    by_kind, wholes = defaultdict[str, list[float]](list), list[float]()
    for graph in graphs:
        own, found = _seconds(graph, clock), np.array(profile.operations(graph).seconds)
        wholes.append(found.sum() / own.sum() - 1)
        for one, error in _errors(graph, own, found):
            by_kind[one].append(error)
    table = Table("kind of layer", "timed", "off, median", "90% below", box=SIMPLE_HEAD)
    for column in table.columns[1:]:
        column.justify = "right"
    for kind, errors in sorted(by_kind.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        table.add_row(kind, str(len(errors)), *(f"{np.quantile(errors, share):.0%}" for share in (0.5, 0.9)))
    disturbed = (
        " Other programs had the processor meanwhile, so its own seconds are learnt."
        if clock == "processor"
        else ""
    )
    return [
        table,
        f"Each of {counted(len(wholes), 'network')} predicted from the others: whole networks are off by "
        f"{np.median(np.abs(wholes)):.0%} in the median, {min(wholes):+.0%} to {max(wholes):+.0%}.{disturbed} Predict with the profile "
        f"{spec}.",
    ]


def _seconds(graph: Graph, clock: str) -> np.ndarray:
    """The seconds of a graph's operations by the wall, or by the processor where it was read."""
    readings = [one.seconds for one in graph.operations]
    return np.array(
        [
            0.0 if one is None else one.value if clock == "wall" or one.processor is None else one.processor
            for one in readings
        ]
    )


def _errors(graph: Graph, own: np.ndarray, found: np.ndarray) -> list[tuple[str, float]]:
    """Kind and relative error of each operation."""
    return [
        (one.kind, abs(guess / taken - 1))
        for one, taken, guess in zip(graph.operations, own.tolist(), found.tolist(), strict=True)
        if one.kind != "input" and taken > SHORTEST
    ]
