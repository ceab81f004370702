"""What `seesaw board` takes with many records: seconds, also of the processor, memory, and bytes of what it writes.

    python benchmarks/big_board.py [--records 10000] [--folder FOLDER]

Published records are multiplied in a scratch folder: with other densities where their method has one, with further seeds
where it has none, with other latencies, each sealed anew. The boards are written three times: with nothing kept from
before, once more, and after one record was added. The number of records on the boards is counted in `results.csv`: one
that were not believed would be missing there.

Targets, for 10,000 records on two cores: 60 s and 1 GB; a few seconds after one more record; index.html under 3 MB.
"""

from __future__ import annotations

import argparse
import csv
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

from bench.errors import SeesawError
from bench.plugins.spec import Spec, parse, render
from bench.records.record import Record

PUBLISHED = Path(__file__).parent.parent / "leaderboards" / "records"
SEEDS = 1000
"""The seeds of one copy begin so far behind those of the copy before."""


def copy_of(record: Record, number: int) -> Record:
    """A record like another, as a copy with this number (from 1) would be: sound, and of another cell or seed."""
    setup, seed = record.setup, record.seed
    density = setup.method.settings.get("density")
    if isinstance(density, float):
        other = round(density * (1 - 0.01 * number), 6)
        settings = {**setup.method.settings, "density": other}
        spec = parse(setup.method.spec)
        words = str(Spec(spec.name, {**spec.settings, "density": render(other)}))
        setup = setup.model_copy(
            update={"method": setup.method.model_copy(update={"settings": settings, "spec": words})}
        )
    else:
        seed += SEEDS * number
    exits = [
        one.model_copy(
            update={"readings": {name: _slower(name, r, number) for name, r in one.readings.items()}}
        )
        for one in record.exits
    ]
    copy = record.model_copy(update={"setup": setup, "seed": seed, "digest": setup.digest(), "exits": exits})
    return copy.sealed()


def _slower(name: str, reading, number: int):
    """A latency that is longer by a thousandth for each copy; any other reading as it is."""
    if name != "latency":
        return reading
    numbers = {
        key: value * (1 + number / 1000)
        for key in ("value", "low", "high")
        if (value := getattr(reading, key)) is not None
    }
    return reading.model_copy(update=numbers)


def multiply(folder: Path, wanted: int) -> list[Path]:
    """Write so many records below a folder: the published ones, and copies of them in turn."""
    originals = [Record.read(path) for path in sorted(PUBLISHED.glob("*/*/seed*.json"))]
    written = []
    for number in range(1 + wanted // len(originals)):
        for record in originals[: wanted - len(written)]:
            copy = copy_of(record, number) if number else record
            written.append(copy.save(folder))
    return written


def resident(pid: int) -> int:
    """Bytes of memory that a process and all processes below it hold, shared ones counted for each."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (OSError, IndexError):
        return 0  # it has ended
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(resident(int(child)) for child in children)


class Taken(NamedTuple):
    """What one `seesaw board` took: seconds, those of the processor in all its processes, and bytes of memory at most."""

    seconds: float
    processor: float
    memory: int


def measured(home: Path) -> Taken:
    """What one `seesaw board` took.

    Raises:
        SeesawError: it failed.
    """
    command = [sys.executable, "-m", "bench", "board", "--records", str(home / "records")]
    environment = os.environ | {"SEESAW_CACHE": str(home / "cache")}
    start, before, most = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN), 0
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        done = threading.Event()

        def watch() -> None:
            nonlocal most
            while not done.wait(0.05):
                most = max(most, resident(process.pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        words = process.communicate()[0]
        done.set()
        watcher.join()
    if process.returncode:
        raise SeesawError(f"`{' '.join(command)}` failed. Mend what it says: {words}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Taken(time.perf_counter() - start, processor, most)


def counted_records(table: Path) -> int:
    """How many records stand in a table of results."""
    with table.open(newline="", encoding="utf-8") as file:
        return len({(row["digest"], row["seed"]) for row in csv.DictReader(file)})


def run(home: Path, wanted: int) -> None:
    """Multiply the records, write the boards three times, and print what that takes."""
    start = time.perf_counter()
    last = multiply(home / "records", wanted + 1)[-1]
    kept = last.read_bytes()
    last.unlink()
    print(f"{wanted} records written in {time.perf_counter() - start:.0f} s.")
    for title in ("with nothing kept", "once more", "after one more record"):
        if title == "after one more record":
            last.write_bytes(kept)
        taken = measured(home)
        print(
            f"seesaw board, {title}: {taken.seconds:.1f} s ({taken.processor:.1f} s of the processor), "
            f"{taken.memory / 1e6:.0f} MB at most, {counted_records(home / 'results.csv')} records on boards"
        )
    index = home / "index.html"
    others = sum(path.stat().st_size for path in home.rglob("*.js"))
    print(f"index.html: {index.stat().st_size / 1e6:.2f} MB, and {others / 1e6:.1f} MB loaded when asked for")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, help="keep records and pages here; left out: nothing is kept")
    args = parser.parse_args()
    if args.folder is not None:
        if (args.folder / "records").exists():
            parser.error(f"{args.folder} has records already; name a new folder")
        run(args.folder, args.records)
        return
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), args.records)


if __name__ == "__main__":
    main()
