"""Layouts of recordings: bandwidth over time as public collections write it, read into seconds and Mbit/s.

Known are: tables with a header that names a time and a rate (`seconds,mbps`; `DL_bitrate` and `UL_bitrate` in kbit/s beside a
`Timestamp`, as Raca et al., MMSys 2018 and 2020); two columns without a header, seconds and Mbit/s (as for Pensieve, SIGCOMM
2017); one column of milliseconds, at each of which a packet of 1,500 bytes can leave (mahimahi, USENIX ATC 2015); six columns
of which the last two are bytes and the milliseconds that they took (Riiser et al., MMSys 2013; van der Hooft et al., 2016).
In place of times a table may hold durations. Cells are parted by tabs, semicolons, commas or blanks, as in the first line; where no comma
parts them, or between quotation marks, 1,5 is 1.5. A rate holds until the next row. JSON is read as such a table: a list of objects, or of rows of
numbers, an object of columns, or an object in each line (`duration_ms`, `bandwidth_kbps` as for Sabre, Spiteri et al., MMSys 2018). A file that gzip
wrote is read as what is in it.
"""

import csv
import gzip
import io
import json
import re
import zlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from bench import SeesawError, hold_bytes, hold_plain

MOST_BYTES, MOST_ROWS = 1 << 26, 1 << 21
"""The most bytes of a file, and the most rows."""
GZIP = b"\x1f\x8b"
"""The first bytes of what gzip wrote."""
FASTEST = 1e7
"""The highest rate in Mbit/s: sums of bytes over a recording of faster ones would lose single bytes."""
PACKET = 1500
"""Bytes of a packet of mahimahi."""
TIMES = re.compile(
    r"^(time|timestamp|seconds?|secs?|t|ts|elapsed|epoch|msecs?|ms|millis\w*|minutes?)(\b|_|$)", re.I
)
DURATIONS = re.compile(r"^(duration|interval|dt)(\b|_|$)", re.I)
CLOCKS = {
    re.compile(rf"(^|[^a-zµμ])({names})($|[^a-z])", re.I): seconds
    for names, seconds in (
        ("ns|nsecs?|nanos\\w*", 1e-9), ("[uµμ]s|usecs?|micros\\w*", 1e-6), ("ms|msecs?|millis\\w*", 1e-3),
        ("mins?|minutes?", 60.0), ("h|hours?", 3600.0),
    )
}  # fmt: skip
"""Seconds of the unit that a column's name tells; a time is in seconds where it tells none of these."""
SINCE_1970 = ((1e17, 1e-9), (1e14, 1e-6), (1e11, 1e-3))
"""From which moment on a column without a unit is in ns, us or ms since 1970: in seconds it would lie behind the year 5000."""
SCALE = "kilo|mega|giga|tera|[kmg]i|[kmg]|(?<![a-z])t"
UNIT = re.compile(
    rf"({SCALE}|(?<![a-z]))(bits?|bytes?|b)(?:ps|/s|_?per_?s)|({SCALE})(bits?|bytes?|b)(?![a-z])", re.I
)
"""A scale and a unit in a column's name: `mbps`, `MB/s`, `KiB/s`, `bytes_per_second`, `kbit`. Where other letters stand before
it, it is none.
"""
DECIMAL = re.compile(r"^([+-]?\d+),(\d+)$")
SURE = re.compile(r"^([+-]?(?:0|\d+(?!,\d{3}$))),(\d+)$")
"""A decimal comma where commas part cells: 1,000 between quotation marks may be a thousand."""
SCALES = {
    "": 1e-6, "k": 1e-3, "m": 1.0, "g": 1e3, "t": 1e6, "ki": 1024e-6, "mi": 1024**2 * 1e-6, "gi": 1024**3 * 1e-6,
    "kilo": 1e-3, "mega": 1.0, "giga": 1e3, "tera": 1e6,
}  # fmt: skip
BIT_RATE = re.compile("bit_?rate", re.I)
RATES = re.compile("throughput|bandwidth|rate", re.I)
DOWN = re.compile(r"(^dl|^down|downlink|download|_down$|_dl$|received|rx)", re.I)
UP = re.compile(r"(^ul|^up|uplink|upload|_up$|_ul$|sent|tx)", re.I)


@dataclass(frozen=True)
class Recorded:
    """A recording.

    Attributes:
        seconds: at which each rate begins, from 0, rising.
        rate: Mbit/s, one for each; of the way that the file has, the way up where it has both.
        down: Mbit/s of the way back, where the file has both; else None.
        lasts: seconds until the last rate ends.
    """

    seconds: np.ndarray
    rate: np.ndarray
    down: np.ndarray | None
    lasts: float


def read_recording(path: Path) -> Recorded:
    """Read a file in any of the known layouts.

    Raises:
        SeesawError: it cannot be read, is too large, or has none of the layouts; it says where.
    """
    try:
        text = _text(path)
    except (OSError, UnicodeDecodeError, EOFError, zlib.error) as error:
        reason = (
            "it is no text"
            if isinstance(error, UnicodeDecodeError)
            else getattr(error, "strerror", None) or error
        )
        raise SeesawError(f"The recording {path} cannot be read ({reason}). Name another file.") from error
    try:
        rows = _objects(text) if text.lstrip().startswith(("[", "{")) else _lines(text)
        if not 0 < len(rows) <= MOST_ROWS:
            raise SeesawError(f"The recording {path} has {len(rows):,} rows. Give one of 2 to {MOST_ROWS:,}.")
        return _read(rows)
    except ValueError as error:
        raise SeesawError(
            f"The recording {path} has no layout that is known here ({error}). Write it as a table with the header "
            "seconds,mbps."
        ) from error


def _text(path: Path) -> str:
    """The text of a file, or of one that gzip wrote; no more than `MOST_BYTES` of either are read."""
    hold_plain(path)
    hold_bytes(path, path.stat().st_size, MOST_BYTES)
    data = path.read_bytes()
    if data.startswith(GZIP):
        with gzip.open(io.BytesIO(data)) as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise SeesawError(
                f"The recording {path} unpacks to more than {MOST_BYTES:,} bytes. Give a shorter one."
            )
    return data.decode("utf-8-sig")


def _lines(text: str) -> list[tuple[int, list[str]]]:
    """The rows of a table of text, each with the number of its line; the first one tells what parts cells, for all.

    Raises:
        ValueError: a cell in quotes has no end that is near.
    """
    lines = [(n, line.strip()) for n, line in enumerate(text.splitlines(), 1)]
    lines = [(n, line) for n, line in lines if line and not line.startswith("#")]
    first = lines[0][1] if lines else ""
    between = next((one for one in "\t;," if one in first), None)
    try:
        return [(n, _cells(line, between)) for n, line in lines]
    except csv.Error as error:
        raise ValueError(str(error)) from error


def _objects(text: str) -> list[tuple[int, list[str]]]:
    """The rows of JSON, numbered, those of objects below a header of the first one's keys.

    Raises:
        ValueError: it is no JSON, or no list of rows.
    """
    try:
        try:
            found = json.loads(text)
        except json.JSONDecodeError:
            found = [json.loads(line) for line in text.splitlines() if line.strip()]
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError("it begins as JSON and is none") from error
    if isinstance(found, dict):
        lists = {key: one for key, one in found.items() if isinstance(one, list) and one}
        found = _columns(lists) or next(
            (one for one in lists.values() if isinstance(one[0], (dict, list))), None
        )
    if not isinstance(found, list) or not found:
        raise ValueError("its JSON holds no list")
    if all(isinstance(one, dict) for one in found):
        keys = list(found[0])
        lacking = next((n for n, one in enumerate(found, 1) if not set(keys) <= set(one)), None)
        if lacking is not None:
            raise ValueError(f"item {lacking} lacks one of {', '.join(keys)[:200]}")
        return [(0, keys), *((n, [str(one[key]) for key in keys]) for n, one in enumerate(found, 1))]
    rows = [one if isinstance(one, list) else [one] for one in found]
    if not all(rows):
        raise ValueError("one of its rows is empty")
    return [(n, [str(cell) for cell in row]) for n, row in enumerate(rows, 1)]


def _columns(lists: dict[str, list[object]]) -> list[dict[str, object]]:
    """The rows of columns by name, such as of times and rates; none where it has no two of one length, all of numbers or words."""
    lengths = {len(one) for one in lists.values()}
    plain = all(isinstance(cell, (int, float, str)) for one in lists.values() for cell in one)
    if len(lists) < 2 or len(lengths) > 1 or not plain:
        return []
    return [dict(zip(lists, cells, strict=True)) for cells in zip(*lists.values(), strict=True)]


def _cells(line: str, between: str | None) -> list[str]:
    """The cells of a line; `between` parts them, None for blanks. A comma that parts none is a decimal point in a number."""
    if between is None:
        cells = line.split()
    elif '"' in line:
        (cells,) = csv.reader([line], delimiter=between, skipinitialspace=True)
    else:
        cells = line.split(between)
    decimal = SURE if between == "," else DECIMAL
    return [decimal.sub(r"\1.\2", cell.strip()) for cell in cells]


def _read(rows: list[tuple[int, list[str]]]) -> Recorded:
    """A recording from the numbered rows of a file."""
    if not _is_number(rows[0][1][0]):
        return _headed([cell.strip('"') for cell in rows[0][1]], rows[1:])
    width = len(rows[0][1])
    values = np.array([[_number(n, cell) for cell in _as_wide(n, row, width)] for n, row in rows])
    if width == 1:
        return _packets(values[:, 0])
    if width == 2:
        return _timed(_in_seconds(values[:, 0]), values[:, 1])
    if width == 6:
        return _logged(values[:, 4], values[:, 5])
    raise ValueError(f"its rows have {width} columns and no header")


def _as_wide(number: int, row: list[str], width: int) -> list[str]:
    if len(row) < width or (len(row) > width and any(row[width:])):
        raise ValueError(f"line {number} has {len(row)} columns, not {width}")
    return row[:width]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _number(line: int, cell: str) -> float:
    try:
        return float(cell)
    except ValueError as error:
        raise ValueError(f"line {line}: {cell[:40]!r} is no number") from error


def _headed(header: list[str], rows: list[tuple[int, list[str]]]) -> Recorded:
    """A table whose header names a time, or a duration, and one rate or two."""
    moment, duration = _column(header, TIMES), _column(header, DURATIONS)
    time = duration if moment is None else moment
    others = [(at, name) for at, name in enumerate(header) if at != time]
    rates = [at for at, name in others if UNIT.search(name) or BIT_RATE.search(name)]
    rates = rates or [at for at, name in others if RATES.search(name)]
    if time is None or not rates:
        raise ValueError(f"its header names no time or no rate: {', '.join(header)[:200]}")
    whole = [(n, row) for n, row in rows if len(row) > max(time, *rates)]
    short = [
        n for n, row in rows[:-1] if len(row) <= max(time, *rates)
    ]  # the last one may have been cut short
    if short and len(whole) >= 2:
        raise ValueError(f"line {short[0]} lacks a column that the header names")
    if len(whole) < 2:
        raise ValueError("fewer than two of its rows are whole")
    seconds = np.array([_moment(n, row[time]) for n, row in whole])
    unit = next((one for name, one in CLOCKS.items() if name.search(header[time])), None)
    seconds = _in_seconds(seconds) if unit is None else seconds * unit
    lasts = None
    if moment is None:
        if not (seconds > 0).all():
            raise ValueError("one of its durations is no positive number")
        lasts, seconds = float(seconds.sum()), np.cumsum(seconds) - seconds
    found = {at: np.array([_number(n, row[at]) for n, row in whole]) * _unit(header[at]) for at in rates}
    up = next((at for at in rates if UP.search(header[at])), None)
    down = next((at for at in rates if DOWN.search(header[at]) and at != up), None)
    if up is None or down is None:
        return _timed(seconds, found[rates[0] if up is None else up], lasts=lasts)
    return _timed(seconds, found[up], found[down], lasts)


def _in_seconds(moments: np.ndarray) -> np.ndarray:
    """Moments whose unit nobody tells: seconds, but for those since 1970 that would lie thousands of years ahead."""
    return moments * next((unit for least, unit in SINCE_1970 if moments[0] >= least), 1.0)


def _column(header: list[str], names: re.Pattern[str]) -> int | None:
    """The place of the first column of such a name."""
    return next((at for at, name in enumerate(header) if names.search(name)), None)


def _moment(line: int, cell: str) -> float:
    """A time in seconds: a number, or a date of the layout of Raca et al. or ISO 8601; one without a zone is no local time, whose
    hours may come twice.
    """
    if _is_number(cell):
        return float(cell)
    with suppress(ValueError):
        return datetime.strptime(cell, "%Y.%m.%d_%H.%M.%S").replace(tzinfo=UTC).timestamp()
    with suppress(ValueError):
        moment = datetime.fromisoformat(cell)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    raise ValueError(f"line {line}: {cell[:40]!r} is no time")


def _unit(name: str) -> float:
    """Mbit/s in one of the unit that a column's name tells; `DL_bitrate` and the like are in kbit/s.

    A small b is a bit, a large B a byte.
    """
    found = UNIT.search(name)
    if found is None:
        if BIT_RATE.search(name):
            return 1e-3
        raise ValueError(f"the column {name!r} does not say its unit: call it mbps, kbps, bps or bytes/s")
    scale, unit = [group for group in found.groups() if group is not None]
    if unit == "B" and found[0].isupper() and "/" not in found[0]:
        raise ValueError(f"the column {name!r} may be in bits or in bytes: call it mbps or MB/s")
    is_byte = unit == "B" or unit.lower().startswith("byte")
    return SCALES[scale.lower()] * (8 if is_byte else 1)


def _packets(millis: np.ndarray) -> Recorded:
    """Chances to send a packet, in milliseconds, counted second by second; the last one ends the recording.

    One within a second has one rate; a single `1` is a packet each millisecond.
    """
    if not (millis >= 0).all() or (np.diff(millis) < 0).any():
        raise ValueError("one column, which does not rise")
    lasts = float(millis[-1]) / 1000
    if not 0 < lasts <= MOST_ROWS:
        raise ValueError(f"it lasts {lasts:,.0f} s")
    if lasts <= 1:
        return Recorded(np.zeros(1), np.array([len(millis) * PACKET * 8e-6 / lasts]), None, lasts)
    starts = np.arange(0.0, lasts)
    ends = np.minimum(starts + 1, lasts)
    counts = np.histogram(millis / 1000, np.append(starts, ends[-1]))[0]
    return _timed(starts, counts * PACKET * 8e-6 / (ends - starts), lasts=lasts)


def _logged(sizes: np.ndarray, millis: np.ndarray) -> Recorded:
    """Bytes that arrived, and the milliseconds that they took."""
    if not (millis >= 0).all():
        raise ValueError("a number of milliseconds is negative or none")
    there = millis > 0
    widths = millis[there] / 1000
    ends = np.cumsum(widths)
    return _timed(ends - widths, sizes[there] * 8e-6 / widths, lasts=float(ends[-1]) if len(ends) else 0.0)


def _timed(
    seconds: np.ndarray, rate: np.ndarray, down: np.ndarray | None = None, lasts: float | None = None
) -> Recorded:
    """A recording that begins at 0; of rows at the same moment the last one counts."""
    values = [seconds, rate, *([] if down is None else [down])]
    if not all(np.isfinite(one).all() for one in values) or any((one < 0).any() for one in values[1:]):
        raise ValueError("a time or rate is negative, infinite or none")
    if any((one > FASTEST).any() for one in values[1:]):
        raise ValueError(f"a rate is beyond {FASTEST:,.0f} Mbit/s")
    steps = np.diff(seconds)
    if (steps < 0).any():
        raise ValueError(f"row {int(np.argmax(steps < 0)) + 2} is earlier than the one before")
    keep = np.append(steps > 0, True)
    if np.count_nonzero(keep) < 2:
        raise ValueError("it has fewer than two moments")
    starts = seconds[keep] - seconds[keep][0]
    end = float(starts[-1] + np.median(np.diff(starts))) if lasts is None else lasts - float(seconds[keep][0])
    return Recorded(starts, rate[keep], None if down is None else down[keep], end)
