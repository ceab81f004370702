"""Places on the command lines of `serve` and `device`: folders of shipped cuts, and records whose runs are packed for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from bench.commands.early import hold_packed, hold_record
from bench.errors import SeesawError
from bench.plugins.names import check_names

if TYPE_CHECKING:
    from bench.records.record import Record

Cuts = Annotated[
    list[int] | None,
    typer.Option(
        min=0,
        help="with a record: first stage of the server's part, 0 to send the image (may be repeated)",
    ),
]
Codecs = Annotated[
    list[str] | None,
    typer.Option(
        help="with a record: spec of what crosses behind the first stage, and of the image at cut 0"
    ),
]
Into = Annotated[
    Path | None,
    typer.Option(
        help="with a record: folder for the parts, which either side may open; a temporary one where left out"
    ),
]


class Packing(NamedTuple):
    """What is asked of records on a command line.

    Attributes:
        cuts: at which their networks are cut; none named for all that there are.
        codecs: specs.
        into: folder for the parts; a temporary one for None.
        data: folder of data sets.
        runs: folder of runs.
    """

    cuts: Sequence[int]
    codecs: Sequence[str]
    into: Path | None
    data: Path
    runs: Path

    def hold(self, places: Sequence[Path]) -> None:
        """See that the options have a record to work on, and names are right, before anything large is loaded.

        Raises:
            SeesawError: they have none, or a codec has another name.
        """
        check_names("codec", self.codecs)
        for place in places:
            if is_record(place):
                hold_record(place)
            else:
                hold_packed(place, inner=True)
        if not any(map(is_record, places)) and (self.cuts or self.codecs or self.into is not None):
            raise SeesawError(
                "--cut, --codec and --into say how a record's network is packed, and only folders are named, which were packed before. "
                "Leave them out, or name a record."
            )


def is_record(place: Path) -> bool:
    """Whether a place is a record's file, and no folder."""
    return place.suffix == ".json" or place.is_file()


@contextmanager
def shipped(
    places: Sequence[Path], asked: Packing, report: Callable[[str], object] = lambda line: None
) -> Iterator[list[Path]]:
    """The places with each record's network packed: folders of shipped cuts, for as long as the block lasts.

    Raises:
        SeesawError: a file is no record, or its network has no weights here, no such cut, or no such codec.
    """
    with TemporaryDirectory(prefix="seesaw-parts-") as top:
        found: list[Path] = []
        for number, place in enumerate(places):
            if not is_record(place):
                found.append(place)
                continue
            into = Path(top) / str(number) if asked.into is None else asked.into
            found += _packed(place, into, asked, report)
        yield found


def _packed(path: Path, into: Path, asked: Packing, report: Callable[[str], object]) -> list[Path]:
    from bench.records.record import Record
    from bench.records.store import Store
    from bench.runs.request import ResolvedRun, RunRequest
    from bench.runs.ship import codecs_at, packed_cuts

    record = Record.read(path)
    store = Store.around(path, record, asked.runs)
    run = ResolvedRun.of(RunRequest.of(record, records=store.records, runs=store.runs, data=asked.data))
    codecs = codecs_at(asked.cuts or cuts_of(record), asked.codecs)
    return packed_cuts(run, into, codecs, report)


def cuts_of(record: Record) -> list[int]:
    """Every cut of a network at which it could send something: 0 where it takes images, and all between two stages."""
    first = 0 if "framed.image8" in record.cuts[0].readings else 1
    return list(range(first, len(record.cuts) - 1))
