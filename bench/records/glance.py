"""Glance: the few numbers by which most records of a search are set aside, read without the rest of the file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from bench.errors import SeesawError
from bench.files import read_plain
from bench.records import form
from bench.records.sealed import MAX_BYTES


@dataclass(frozen=True)
class Glance:
    """A record's file, and what its last exit says.

    Attributes:
        path: of the file.
        accuracy: of the last exit.
        most: the accuracy that no way of leaving early exceeds: of the last exit, and of what an earlier one alone is right
            about; 1 where the record does not say that.
        bytes: of the whole network in its smallest form; none where nothing was packed.
        latency: seconds to the last exit on the record's own machine; none where it was not timed.
    """

    path: Path
    accuracy: float
    most: float
    bytes: float | None
    latency: float | None

    @classmethod
    def at(cls, path: Path) -> Glance:
        """Look at a file; nothing in it is checked but what is taken.

        Raises:
            SeesawError: it cannot be read, or is no record with the accuracy of an exit.
        """
        try:
            data = read_plain(path, MAX_BYTES + 1)
            if len(data) > MAX_BYTES:
                raise ValueError("it is larger than any record")
            peek = form.Peek(json.loads(data))
            exits = peek.items("exits")
            readings = peek.blocks(peek.get(exits[-1], "readings"))
            top1 = float(peek.get(readings["top1"], "value"))
            net = peek.blocks(peek.part("net")) if len(exits) > 1 else {}
            if "overthinking" in net:
                most = top1 + float(peek.get(net["overthinking"], "value"))
            else:
                most = 1.0 if len(exits) > 1 else top1
            sizes = [
                float(peek.get(one, "value")) for name, one in readings.items() if name.startswith("bytes.")
            ]
            latency = peek.get(readings["latency"], "value") if "latency" in readings else None
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise SeesawError(
                f"{path} is no record that can be planned with ({type(error).__name__}: {error})."
            ) from error
        return cls(
            path, top1, min(most, 1.0), min(sizes, default=None), None if latency is None else float(latency)
        )


def glances(paths: list[Path]) -> tuple[list[Glance], list[str]]:
    """A look at each file, and a sentence for each that cannot be looked at."""
    found: list[Glance] = []
    trouble: list[str] = []
    for path in paths:
        try:
            found.append(Glance.at(path))
        except SeesawError as error:
            trouble.append(str(error))
    return found, trouble
