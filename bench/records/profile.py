"""Profile: a device's numbers for one network, and the file that `seesaw profile` writes them to."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from bench.errors import SeesawError
from bench.files import read_plain, write_whole
from bench.plugins.plugin import Count, Whole
from bench.records.reading import Reading
from bench.records.sealed import Block, Digest, checksum
from bench.records.setup import Setup

MAX_PROFILE = 8 << 20
"""The most bytes of a profile's file that are read."""
Part = Literal["device", "server", "exit", "head", "encoder", "decoder"]
"""A part of a network: the stages before a cut; those from it on; the way to an exit; a head; a codec's two sides."""


Origin = Literal["measured", "modelled"]
"""Where a number comes from: a clock or a counter, or a model."""


class Timing(Block):
    """The seconds of one part in batches of one size."""

    part: Part
    number: Whole
    """of the cut, or of the exit"""
    codec: str = ""
    """spec of the codec; empty for parts of the network"""
    batch: Count
    seconds: Reading
    """of one call, for the whole batch"""


class Estimates(Block):
    """The seconds of a side that policies decide by, where they are other ones than those that requests take."""

    source: str
    device: list[Annotated[float, Field(ge=0)]]
    """seconds from the input to each cut"""
    server: list[Annotated[float, Field(ge=0)]]
    """seconds from each cut to the last answer"""


class ProfileFile(Block):
    """The parts of one network, timed on one machine by batch size: measured, and nothing else."""

    profile_version: Literal[1] = 1
    checksum: str = ""
    """SHA-256 over everything else in the file"""
    setup: Setup
    """of the network's run"""
    digest: Digest
    """of that setup"""
    seed: Whole
    timings: Annotated[list[Timing], Field(min_length=1)]
    watts: Reading | None
    """power while the whole network runs, by a counter of the machine; none where there is no counter"""
    machine: dict[str, Any]
    versions: dict[str, str]
    created: str

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
    def read(cls, path: Path) -> ProfileFile:
        """Read a profile.

        Raises:
            SeesawError: no file, no whole profile, or one that was changed after it was written.
        """
        try:
            data = read_plain(path, MAX_PROFILE + 1)
            if len(data) > MAX_PROFILE:
                raise ValueError(f"more than {MAX_PROFILE >> 20} MiB")
            profile = cls.model_validate(json.loads(data))
        except OSError as error:
            raise SeesawError(
                f"{path} cannot be read ({error.strerror}). Name a file that `seesaw profile` wrote."
            ) from error
        except (ValidationError, ValueError, RecursionError) as error:
            why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
            raise SeesawError(
                f"{path} is no whole profile ({why}). Make it again: seesaw profile."
            ) from error
        if profile.checksum != checksum(profile.model_dump(mode="json")):
            raise SeesawError(
                f"{path} was changed after it was written: its checksum is another. Make it again: seesaw profile."
            )
        return profile

    def times(self, batch: int = 1) -> PartTimes:
        """The numbers of the parts in batches of one size.

        Raises:
            SeesawError: this size was not timed.
        """
        rows = [row for row in self.timings if row.batch == batch]
        if not rows:
            sizes = ", ".join(map(str, sorted({row.batch for row in self.timings})))
            raise SeesawError(
                f"This profile has no batches of {batch}. Choose batch={sizes.replace(', ', ' or ')}."
            )

        def row_of(part: Part) -> tuple[float, ...]:
            found = {row.number: row.seconds.value for row in rows if row.part == part}
            if sorted(found) != list(range(len(found))):
                raise SeesawError(
                    f"This profile lacks a {part} among {sorted(found)}. Make it again: seesaw profile."
                )
            return tuple(found[number] for number in range(len(found)))

        def codecs(part: Part) -> dict[tuple[int, str], float]:
            return {(row.number, row.codec): row.seconds.value for row in rows if row.part == part}

        return PartTimes(
            device=row_of("device"),
            server=row_of("server"),
            exits=row_of("exit"),
            heads=row_of("head"),
            encoders=codecs("encoder"),
            decoders=codecs("decoder"),
            watts=None if self.watts is None else self.watts.value,
            energy="unknown" if self.watts is None else "measured",
            time="measured",
            source=f"profile of {self.machine.get('processor', 'an unnamed machine')}, batch {batch}",
            disturbed=any(not row.seconds.is_reliable for row in rows),
            batches=self._batches(len(row_of("server"))) if batch == 1 else {},
            disturbed_batches=frozenset(
                row.batch for row in self.timings if row.part == "server" and not row.seconds.is_reliable
            ),
        )

    def _batches(self, cuts: int) -> dict[int, tuple[float, ...]]:
        """The seconds of the server's parts by batch size, of sizes above one that were timed at every cut."""
        found: dict[int, dict[int, float]] = {}
        for row in self.timings:
            if row.part == "server" and row.batch > 1:
                found.setdefault(row.batch, {})[row.number] = row.seconds.value
        return {
            size: tuple(one[number] for number in range(cuts))
            for size, one in sorted(found.items())
            if sorted(one) == list(range(cuts))
        }


@dataclass(frozen=True)
class PartTimes:
    """Seconds of every part of a network on one device, as a deployment counts them.

    Attributes:
        device: (cuts,), from the input to each cut, without the heads on the way; 0 at cut 0; the last is the whole network.
        server: (cuts,), from each cut to the last exit's answer; the last is 0.
        exits: (exits,), from the input to each exit's answer, its head included and heads before it not.
        heads: (exits,), of each head that is computed on the way to somewhere else; 0 where the other times hold it.
        time: `measured` by a clock, or `modelled`.
        source: where the numbers come from, in words.
        encoders: by cut and codec; a codec that was not timed is missing.
        decoders: in the same way.
        watts: power of the device while it computes; none where nobody measured or named it.
        energy: where `watts` come from.
        disturbed: whether other programs had the processor while a part was timed, so that nothing is ranked by it.
        batches: seconds as in `server` by batch size, for the whole batch; sizes above one, those that are known.
        disturbed_batches: sizes of which other programs disturbed a timing of the server's parts.
        by_layer: whether the seconds that policies decide by are sums of what regressions for each kind of layer predict.
        estimates: what policies decide by in place of `device` and `server`; none where they decide by these.

    Raises:
        SeesawError: a number is negative, infinite or none.
    """

    device: tuple[float, ...]
    server: tuple[float, ...]
    exits: tuple[float, ...]
    heads: tuple[float, ...]
    time: Origin
    source: str
    encoders: Mapping[tuple[int, str], float] = field(default_factory=dict)
    decoders: Mapping[tuple[int, str], float] = field(default_factory=dict)
    watts: float | None = None
    energy: Origin | Literal["unknown"] = "unknown"
    disturbed: bool = False
    batches: Mapping[int, tuple[float, ...]] = field(default_factory=dict)
    disturbed_batches: frozenset[int] = frozenset()
    by_layer: bool = False
    estimates: Estimates | None = None

    def __post_init__(self) -> None:
        seconds = (
            *self.device,
            *self.server,
            *self.exits,
            *self.heads,
            *self.encoders.values(),
            *self.decoders.values(),
            *(one for batch in self.batches.values() for one in batch),
            *(() if self.estimates is None else (*self.estimates.device, *self.estimates.server)),
        )
        if not all(math.isfinite(one) and one >= 0 for one in (*seconds, self.watts or 0.0)):
            raise SeesawError(
                f"A profile ({self.source}) has times or watts that are negative or no numbers. Measure it again."
            )

    def check(self, cuts: int, exits: int) -> PartTimes:
        """Itself, where it has so many cuts and exits.

        Raises:
            SeesawError: it is of another network.
        """
        if (
            len(self.device) != cuts
            or len(self.server) != cuts
            or {len(self.exits), len(self.heads)} != {exits}
            or any(len(one) != cuts for one in self.batches.values())
            or (
                self.estimates is not None
                and {len(self.estimates.device), len(self.estimates.server)} != {cuts}
            )
        ):
            raise SeesawError(
                f"A profile ({self.source}) has {len(self.device)} cuts and {len(self.heads)} exits, and the network has {cuts} "
                f"and {exits}. Profile this network: seesaw profile."
            )
        return self
