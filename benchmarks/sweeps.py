"""What a sweep over machines costs beside its cells, and from which length of cells on ten workers are used by 90%.

    python benchmarks/sweeps.py [--on ray] [--cells 200] [--own 8]

Measured on this machine: (1) the engine alone, by cells that end at once: seconds from the first to the last, a cell;
(2) the worker's work beside the run, by short cells in this process: files fetched and brought, the request resolved
anew; (3) the start, until the first cell has ended. Extrapolated from these, and so called: a sweep of 1,000 cells on
ten workers, of which each waits for its own overhead, and all for the engine. Not seen here: ten machines, their
network, and a shared disk's own delays.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

from bench import RunRequest
from bench.machine import processor, settle, versions
from bench.runs.run import run
from bench.runs.sweeps.cell import Cell, run_cell
from bench.runs.sweeps.depot import FolderDepot
from bench.runs.sweeps.places import OnRay, place_of

WORKERS, CELLS, SHARE = 10, 1000, 0.9


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--on", default="ray", help="ray, or a slurm[...] that works here")
    parser.add_argument("--cells", type=int, default=200)
    parser.add_argument("--own", type=int, default=8)
    asked = parser.parse_args()
    os.environ["WANDB_MODE"] = "disabled"
    settle(1)
    print(f"{processor()}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        own = beside_the_run(Path(folder), asked.own)
        start, each = engine(Path(folder), asked.on, asked.cells)
    print(f"the worker's own work beside a run: {own:.3f} s of processor a cell")
    print(f"{asked.on}: {start:.1f} s until the first cell has ended, then {each * 1e3:.1f} ms a cell (wall)")
    print(f"extrapolated to {CELLS:,} cells on {WORKERS} workers:")
    for seconds in (1, 5, 20, 60, 300):
        share = efficiency(seconds, own, each, start)
        print(f"  cells of {seconds:>3} s: {share:.0%} of the workers' time is the cells'")
    least = next(
        tenth / 10 for tenth in range(1, 10_000) if efficiency(tenth / 10, own, each, start) >= SHARE
    )
    print(f"  {SHARE:.0%} from cells of {least:g} s on")


def efficiency(seconds: float, own: float, each: float, start: float) -> float:
    """The share of ten workers' time that is the cells' own: workers wait for their own overhead, all for the engine."""
    wall = start + max(CELLS / WORKERS * (seconds + own + each), CELLS * each)
    return CELLS * seconds / WORKERS / wall


def request(folder: Path, seed: int) -> RunRequest:
    """A short run."""
    return RunRequest(
        task="digits", model="mlp_set", seed=seed, recipe={"epochs": "1"}, policies=("confidence",), codecs=("int8",),
        meters=("macs", "storage"), records=folder / "records", runs=folder / "runs",
    )  # fmt: skip


def beside_the_run(folder: Path, count: int) -> float:
    """The processor's seconds that a cell takes on its worker beyond those of its run; medians of both, in turn."""
    depot = FolderDepot(folder / "records", folder / "runs")
    plain, cell = [], []
    for seed in range(count + 1):
        begun = time.process_time()
        run(request(folder / "plain", seed))
        between = time.process_time()
        run_cell(Cell(seed, request(folder, seed), 1, False, False, versions(), folder / "scratch"), depot, 0)
        if seed:  # the first one compiles
            plain.append(between - begun)
            cell.append(time.process_time() - between)
    print(
        f"{count} short cells: {statistics.median(plain):.3f} s alone, {statistics.median(cell):.3f} s as cells of a sweep"
    )
    return max(0.0, statistics.median(cell) - statistics.median(plain))


def engine(folder: Path, on: str, count: int) -> tuple[float, float]:
    """Seconds until the first cell has ended, and then of each; these cells end at once, as of another version."""
    place = place_of(on)
    assert place is not None
    folders = FolderDepot(folder / "records", folder / "runs")
    cells = [
        Cell(number, request(folder, number), 1, False, False, {}, folder / "scratch")
        for number in range(count)
    ]
    if isinstance(place, OnRay):
        from bench.runs.sweeps.on_ray import on_ray

        news = on_ray(place.model_copy(update={"workers": place.workers or 1}), cells, folders)
    else:
        from bench.runs.sweeps.on_slurm import on_slurm

        news = on_slurm(place, cells, folders)
    begun, ends = time.monotonic(), []
    for one in news:
        if one.kind != "at":
            ends.append(time.monotonic() - begun)
    return ends[0], (ends[-1] - ends[0]) / (count - 1)


if __name__ == "__main__":
    main()
