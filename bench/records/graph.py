"""Graph: the operations of a network with MACs, bytes and seconds, the tensors between them, and the file that holds them."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from bench.errors import SeesawError
from bench.files import read_plain, write_whole
from bench.plugins.plugin import Count, Share, Whole
from bench.records.profile import Origin
from bench.records.reading import Reading
from bench.records.sealed import Block, Digest, checksum, digest

MAX_GRAPH = 32 << 20
"""The most bytes of a graph's file that are read."""


class Rows(Block):
    """Which rows of its input an operation reads for a row of its output: r s - p, ..., r s - p + d (k - 1)."""

    kernel: Count = 1
    stride: Count = 1
    padding: Whole = 0
    dilation: Count = 1


class Operation(Block):
    """One operation, or several that must run on one machine because no tensor between them can be sent."""

    name: str
    kind: str
    """class of its layer, or name of its function"""
    macs: Whole = 0
    """of one sample"""
    parameters: Whole = 0
    """bytes of its weights"""
    height: Whole = 0
    """rows of what it gives; 0 where that is no map"""
    rows: Rows | None = None
    """which rows of its inputs it reads; none where every row of its output needs all of them"""
    seconds: Reading | None = None
    """of one call with one sample, on the machine of the file; none where nobody timed it"""


class Edge(Block):
    """A tensor between operations; it is sent once, however many read it."""

    source: Whole
    """number of the operation that gives it"""
    users: Annotated[tuple[Whole, ...], Field(min_length=1)]
    """numbers of those that read it, rising"""
    bytes: Whole
    """of one sample: one each for the numbers of an image, four for those of a feature"""


class Exit(Block):
    """An early exit behind an operation that every path passes."""

    behind: Whole
    """number of the operation"""
    share: Share
    """of the samples that come there, those that leave"""
    macs: Whole
    """of its head"""


@dataclass(frozen=True)
class OperationTimes:
    """Seconds of every operation of a graph on one device.

    Attributes:
        seconds: of one call with one sample, (operations,).
        time: `measured` by a clock, or `modelled`.
        source: where the numbers come from, in words.
        disturbed: whether other programs had the processor while most of an operation's times were taken.

    Raises:
        SeesawError: a number is negative, infinite or none.
    """

    seconds: tuple[float, ...]
    time: Origin
    source: str
    disturbed: bool = False

    def __post_init__(self) -> None:
        if not all(math.isfinite(one) and one >= 0 for one in self.seconds):
            raise SeesawError(
                f"Times of operations ({self.source}) are negative or no numbers. Measure them again."
            )


class Graph(Block):
    """A network's operations in an order of execution, from the input (number 0) to the answer, and the tensors between them."""

    graph_version: Literal[1] = 1
    checksum: str = ""
    """SHA-256 over everything else in the file"""
    model: str
    sample: tuple[Count, ...]
    """shape of one input"""
    operations: Annotated[tuple[Operation, ...], Field(min_length=2)]
    edges: Annotated[tuple[Edge, ...], Field(min_length=1)]
    exits: tuple[Exit, ...] = ()
    machine: dict[str, Any] = Field(default_factory=dict)
    """that timed the operations; empty where nobody did"""
    versions: dict[str, str] = Field(default_factory=dict)
    created: str = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        last = len(self.operations) - 1
        for edge in self.edges:
            if not (edge.source < edge.users[0] and max(edge.users) <= last):
                raise ValueError(f"a tensor of operation {edge.source} is read before it is there")
            if list(edge.users) != sorted(set(edge.users)):
                raise ValueError(f"the users of operation {edge.source} are not in order")
        if {one.source for one in self.edges} != set(range(last)) or {
            user for one in self.edges for user in one.users
        } != set(range(1, last + 1)):
            raise ValueError("an operation lies on no way from the input to the answer")
        borders = set(self.borders)
        if any(one.behind not in borders for one in self.exits):
            raise ValueError("an exit stands where not every path passes")
        return self

    @cached_property
    def into(self) -> tuple[tuple[Edge, ...], ...]:
        """The tensors that each operation reads."""
        found: list[list[Edge]] = [[] for _ in self.operations]
        for edge in self.edges:
            for user in edge.users:
                found[user].append(edge)
        return tuple(map(tuple, found))

    @cached_property
    def out_of(self) -> tuple[tuple[Edge, ...], ...]:
        """The tensors that each operation gives to others."""
        found: list[list[Edge]] = [[] for _ in self.operations]
        for edge in self.edges:
            found[edge.source].append(edge)
        return tuple(map(tuple, found))

    @cached_property
    def borders(self) -> tuple[int, ...]:
        """The numbers of the operations whose one tensor every path from the input to the answer passes, rising."""
        found, alive = [], 0
        for number, edges in enumerate(self.out_of):
            if alive <= number and len(edges) == 1:
                found.append(number)
            alive = max([alive, *(edge.users[-1] for edge in edges)])
        return tuple(found)

    @property
    def times(self) -> OperationTimes:
        """The seconds of the machine that timed the operations.

        Raises:
            SeesawError: nobody did.
        """
        readings = [one.seconds for one in self.operations if one.seconds is not None]
        if len(readings) < len(self.operations):
            raise SeesawError(
                f"The operations of {self.model} were not timed. Time them on this machine: seesaw profile --graph."
            )
        return OperationTimes(
            tuple(one.value for one in readings), "measured",
            f"{self.machine.get('processor', 'an unnamed machine')}, operation by operation",
            disturbed=any(not one.is_reliable for one in readings),
        )  # fmt: skip

    @property
    def identity(self) -> Digest:
        """A digest of the operations and tensors, without times: the same network on any machine."""
        return digest({
            "operations": [one.model_dump(mode="json", exclude={"seconds"}) for one in self.operations],
            "edges": [one.model_dump(mode="json") for one in self.edges],
        })  # fmt: skip

    def write(self, path: Path) -> Path:
        """Write the file, whole or not at all.

        Raises:
            SeesawError: the folder cannot be written.
        """
        sealed = self.model_copy(update={"checksum": checksum(self.model_dump(mode="json"))})
        text = json.dumps(sealed.model_dump(mode="json"), indent=1, allow_nan=False)
        write_whole(path, (text + "\n").encode(), "--out")
        return path

    @classmethod
    def read(cls, path: Path) -> Graph:
        """Read a graph.

        Raises:
            SeesawError: no file, no whole graph, or one that was changed after it was written.
        """
        again = "Make it again: seesaw profile --graph."
        try:
            data = read_plain(path, MAX_GRAPH + 1)
            if len(data) > MAX_GRAPH:
                raise ValueError(f"more than {MAX_GRAPH >> 20} MiB")
            graph = cls.model_validate(json.loads(data))
        except OSError as error:
            raise SeesawError(
                f"{path} cannot be read ({error.strerror}). Name a file that `seesaw profile --graph` wrote."
            ) from error
        except (ValidationError, ValueError, RecursionError) as error:
            why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
            raise SeesawError(f"{path} is no whole graph ({why}). {again}") from error
        if graph.checksum != checksum(graph.model_dump(mode="json")):
            raise SeesawError(f"{path} was changed after it was written: its checksum is another. {again}")
        return graph
