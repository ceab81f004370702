"""Graphs for the commands `profile --graph` and `partition`: captured by a model's name and timed here, or read from a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from bench.boards.units import big, in_bytes, seconds
from bench.commands.options import out
from bench.errors import SeesawError, counted
from bench.plugins.names import check_model
from bench.plugins.plugin import entries
from bench.plugins.spec import split_model

if TYPE_CHECKING:
    from bench.records.graph import Graph

Image = Annotated[str, typer.Option(help="channels x height x width of the images")]
Classes = Annotated[int, typer.Option(min=1, help="how many logits the network gives")]
IMAGE, CLASSES = "3x224x224", 1000
"""Of ImageNet."""
SLOWEST = 12
"""So many operations are shown."""


def shape_of(image: str) -> tuple[int, ...]:
    """The shape in a text such as 3x224x224.

    Raises:
        SeesawError: it is none.
    """
    try:
        shape = tuple(int(part) for part in image.split("x"))
        if len(shape) != 3 or not all(1 <= one <= 1 << 14 for one in shape):
            raise ValueError(image)
    except ValueError as error:
        raise SeesawError(
            f"{image!r} is no shape of images. Write channels x height x width: --image 3x224x224."
        ) from error
    return shape


def backbone_in(model: str) -> str:
    """The backbone in a model's spec.

    Raises:
        SeesawError: a name is wrong, or a method is named, whose masks operations are not timed with.
    """
    check_model(model)
    backbone, method = split_model(model, entries("backbone"))
    if method and method != "dense":
        raise SeesawError(
            f"Operations are those of the dense network, and {model} names the method {method}. Leave it out: {backbone}."
        )
    return backbone


def graph_by_name(
    model: str, image: str, classes: int, threads: int | None, rounds: int, longest: float
) -> Graph:
    """A backbone's graph, timed on this machine, with one thread where no number is named.

    Raises:
        SeesawError: its forward cannot be followed, or images do not fit.
    """
    shape, spec = shape_of(image), backbone_in(model)
    with out.status("Loading PyTorch ..."):
        import torch

        from bench.kinds.backbone import Backbone
        from bench.kinds.build import seeded
        from bench.kinds.layers import graph_of
        from bench.machine import on_threads
        from bench.measuring.graph import dag_of, with_times
        from bench.measuring.profile import Limits
        from bench.network.net import Sample
        from bench.network.pretrained import without_hub
        from bench.plugins.plugin import choose

    choice, sample = choose(Backbone, spec), Sample(shape)
    with out.status("Capturing ...") as status, without_hub(), on_threads(threads or 1):
        with seeded(0):
            dag = dag_of(choice.plugin, sample, classes)
            x = torch.randn(1, *shape)
        graph = graph_of(dag, choice.spec, sample)
        status.update("Timing ...")
        return with_times(
            dag,
            graph,
            x,
            torch.device("cpu"),
            Limits(rounds, longest),
            lambda line: status.update(f"Timing {line} ..."),
        )


def print_graph(graph: Graph) -> None:
    """Print what a graph holds, and its slowest operations."""
    times = graph.times
    whole = sum(times.seconds)
    macs = sum(one.macs for one in graph.operations)
    out.print(
        f"{graph.model}: {counted(len(graph.operations), 'operation')}, {counted(len(graph.edges), 'tensor')}, "
        f"{len(graph.borders)} of them passed by every path; {big(macs)}MACs, {seconds(whole)}",
        style="bold", soft_wrap=True,
    )  # fmt: skip
    table = Table("operation", "kind", "MACs", "gives", "time", "share", box=SIMPLE_HEAD)
    for column in table.columns[2:]:
        column.justify = "right"
    order = sorted(range(len(times.seconds)), key=lambda number: -times.seconds[number])[:SLOWEST]
    for number in sorted(order):
        one = graph.operations[number]
        reading = one.seconds
        mark = "" if reading is None or reading.is_reliable else "~"
        table.add_row(
            one.name, one.kind, big(one.macs), in_bytes(sum(edge.bytes for edge in graph.out_of[number])),
            mark + seconds(times.seconds[number]), f"{times.seconds[number] / whole:.1%}" if whole else "-",
        )  # fmt: skip
    out.print(table)
    rest = len(graph.operations) - len(order)
    out.print(
        f"The slowest, in the network's order; {counted(rest, 'other')} left out. Times are medians of one call with one sample"
        + ("; a ~ marks those that other programs disturbed." if times.disturbed else "."),
        soft_wrap=True,
    )


def read_or_time(
    model: str, image: str, classes: int, threads: int | None, rounds: int, longest: float
) -> Graph:
    """The graph of a file, or of a model that is captured and timed now."""
    if model.endswith(".json"):
        from bench.records.graph import Graph

        return Graph.read(Path(model))
    return graph_by_name(model, image, classes, threads, rounds, longest)
