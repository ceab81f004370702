"""Records as a pandas DataFrame: a row an exit, a cut, an operating point of a policy, or a walk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from bench.errors import SeesawError, needing
from bench.plugins.spec import near
from bench.records.reading import Reading
from bench.records.record import Record
from bench.records.store import Store

if TYPE_CHECKING:
    from pandas import DataFrame

Rows = Literal["exits", "cuts", "points", "walks"]
POINTS = {"accuracy": "share", "macs": "MAC", "calibration_accuracy": "share", "calibration_macs": "MAC"}
"""The units of an operating point's numbers, which are no readings."""


def dataframe(records: Path | str | Record | Iterable[Record], rows: Rows = "exits") -> DataFrame:
    """Records as a table.

    Columns are called as in the records: settings of the run first (`task`, `model`, ..., `seed`; `method.density` is the
    density that was asked for), then the row's own, then its readings by their names (`top1`, `density`, `latency`), with
    `NAME.low` and `NAME.high` for quartiles. `frame.attrs["units"]` gives the unit of every number's column: MAC, B, s, J,
    share, x or one.

    Args:
        records: one or several, or a folder, from which contested records are left out.
        rows: `exits` and `cuts` of networks; `points` of policies' curves; `walks` on the clock.

    Raises:
        SeesawError: pandas is not installed, or there are no such rows.
    """
    with needing("lab", "Tables need"):
        import pandas
    if rows not in get_args(Rows):
        raise SeesawError(
            f"There are no rows {rows!r}{near(rows, get_args(Rows))} Choose {', '.join(get_args(Rows))}."
        )
    units = dict(POINTS) if rows == "points" else dict[str, str]()
    lines = [_run(record) | row for record in _records(records) for row in rows_of(record, rows, units)]
    frame = pandas.DataFrame(lines)
    frame.attrs["units"] = units
    return frame


def rows_of(record: Record, rows: Rows, units: dict[str, str]) -> Iterator[dict[str, Any]]:
    """The rows of one record, without the columns that all share; `units` gets the units of readings."""
    for row, readings in _ROWS[rows](record):
        yield row | _readings(readings, units)


def _records(records: Path | str | Record | Iterable[Record]) -> Iterable[Record]:
    if isinstance(records, Record):
        return [records]
    if isinstance(records, Path | str):
        entries, _ = Store(Path(records)).entries(Record)
        return [entry.file for entry in entries if entry.contested is None]
    return records


def _run(record: Record) -> dict[str, Any]:
    """The columns that all rows of a record share."""
    setup = record.setup
    return {
        "board": record.board,
        "task": setup.task.label,
        "model": setup.model,
        "backbone": setup.backbone.label,
        "method": setup.method.label,
        "method.density": setup.method.settings.get("density"),
        "exits_plan": setup.exits.label,
        "values": setup.values or "float32",
        "epochs": setup.recipe.get("epochs"),
        "layout": ", ".join(setup.layout.plan()) if setup.layout else None,
        "seed": record.seed,
        "budget": record.budget,
        "processor": record.machine.get("accelerator") or record.machine.get("processor"),
        "threads": record.timing_threads,
        "digest": record.digest,
    }


def _readings(readings: dict[str, Reading], units: dict[str, str]) -> dict[str, float]:
    """Columns of readings and their quartiles; `units` gets the unit of each."""
    values: dict[str, float] = {}
    for name, reading in readings.items():
        ends = {name: reading.value, f"{name}.low": reading.low, f"{name}.high": reading.high}
        for column, value in ends.items():
            if value is not None:
                values[column], units[column] = value, reading.unit
    return values


_Row = tuple[dict[str, Any], dict[str, Reading]]


def _exits(record: Record) -> Iterator[_Row]:
    for number, exit_ in enumerate(record.exits):
        last = number == len(record.exits) - 1
        yield {"exit": number, "stage": exit_.stage, "last": last}, exit_.readings


def _cuts(record: Record) -> Iterator[_Row]:
    for cut in record.cuts:
        yield {"before": cut.before, "shape": tuple(cut.shape)}, cut.readings


def _points(record: Record) -> Iterator[_Row]:
    for curve in record.curves:
        for number, point in enumerate(curve.outcomes):
            own = {"policy": curve.policy, "reference": curve.reference, "point": number} | asdict(point)
            del own["thresholds"]
            yield own, {}


def _walks(record: Record) -> Iterator[_Row]:
    for walk in record.walks:
        own = {"policy": walk.policy, "point": walk.point, "batch": walk.batch, "moved": walk.moved}
        yield own | {"left": tuple(walk.left)}, walk.readings


_ROWS = {"exits": _exits, "cuts": _cuts, "points": _points, "walks": _walks}
