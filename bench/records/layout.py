"""Layout: how a training is laid over devices and nodes, and in which numbers it computes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from bench.errors import SeesawError
from bench.records.sealed import Block

STRATEGIES, PRECISIONS = ("auto", "ddp"), ("32", "bf16-mixed")
"""The words of `--strategy` and `--precision`, to be checked before PyTorch is loaded."""

_NO_STRATEGY = {
    "fsdp": "It cuts weights into pieces, and masks, methods and packed files look at whole ones.",
    "deepspeed": "It cuts weights into pieces, and masks, methods and packed files look at whole ones.",
    "ddp_spawn": "Seesaw starts the processes itself, and ends them together.",
}
_NO_PRECISION = {
    "16": "float16 needs scaled gradients, which methods that look at gradients would misread.",
    "bf16-true": "Weights in bfloat16 lose small updates, and masks are chosen by weights.",
    "64": "No meter here counts float64.",
}


class Layout(Block):
    """How a training is laid out; every field is left open where one device computes in float32."""

    devices: Annotated[int, Field(ge=2, le=4096)] | None = None
    """of each node, one process for each; none: one"""
    nodes: Annotated[int, Field(ge=2, le=4096)] | None = None
    """machines; none: one"""
    strategy: Literal["ddp"] | None = None
    """of Lightning, by which the processes add up their gradients; none: one process"""
    precision: Literal["bf16-mixed"] | None = None
    """of forward and backward passes; weights, gradients and losses stay float32; none: float32"""
    compiled: bool = False
    """whether the network was compiled for training"""
    accumulate: Annotated[int, Field(ge=2, le=1 << 20)] | None = None
    """into how many parts a step's samples are divided in each process; none: one"""

    @property
    def size(self) -> int:
        """How many processes train together."""
        return (self.devices or 1) * (self.nodes or 1)

    def plan(self) -> list[str]:
        """What sets it apart from one device and float32, in words."""
        parts = []
        if self.size > 1:
            nodes = f"{self.nodes} nodes x " if self.nodes else ""
            count = self.devices or 1
            parts.append(f"{nodes}{count} device{'' if count == 1 else 's'} by {self.strategy}")
        parts += [self.precision] if self.precision else []
        parts += ["compiled"] if self.compiled else []
        parts += [f"steps in {self.accumulate} parts"] if self.accumulate else []
        return parts


ALONE = Layout()
"""One device, one node, float32."""


def check_words(strategy: str, precision: str) -> None:
    """See that `--strategy` and `--precision` name something that there is.

    Raises:
        SeesawError: a word is wrong; the sentence says why, and names the right ones.
    """
    for option, word, known, why in (
        ("strategy", strategy, STRATEGIES, _NO_STRATEGY),
        ("precision", precision, PRECISIONS, _NO_PRECISION),
    ):
        if word not in known:
            reason = next((f" {text}" for begin, text in why.items() if word.startswith(begin)), "")
            raise SeesawError(f"There is no --{option} {word!r}.{reason} Choose {' or '.join(known)}.")


def layout_of(
    devices: int, nodes: int, strategy: str, precision: str, compiled: bool, accumulate: int
) -> Layout | None:
    """The layout that options name; None for one device in float32.

    Raises:
        SeesawError: a word or a number is wrong.
    """
    check_words(strategy, precision)
    if strategy == "ddp" and devices * nodes == 1:
        raise SeesawError(
            "--strategy ddp is for several devices, and one is named. Add --devices 2 or more, or leave --strategy out."
        )
    values: dict[str, Any] = {
        "devices": None if devices == 1 else devices,
        "nodes": None if nodes == 1 else nodes,
        "strategy": "ddp" if devices * nodes > 1 else None,
        "precision": None if precision == "32" else precision,
        "compiled": compiled,
        "accumulate": None if accumulate == 1 else accumulate,
    }
    try:
        layout = Layout.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise SeesawError(
            f"--{first['loc'][0]} {values[str(first['loc'][0])]} is out of bounds. Give a whole number from 1."
        ) from error
    return None if layout == ALONE else layout


def deal(batch: int, layout: Layout) -> None:
    """See that a step's samples can be dealt out to all processes and parts alike.

    Raises:
        SeesawError: some would get more than others; the sentence names the nearest batches.
    """
    parts = layout.size * (layout.accumulate or 1)
    if batch % parts:
        near = [one for one in (batch // parts * parts, -(-batch // parts) * parts) if one]
        words = f"{layout.size} processes" if layout.size > 1 else ""
        words += f"{' x ' if words else ''}{layout.accumulate} parts" if layout.accumulate else ""
        raise SeesawError(
            f"A batch of {batch} cannot be dealt out to {words} in equal shares. Take "
            f"{' or '.join(f'--set batch={one}' for one in dict.fromkeys(near))}, or another number of devices."
        )
