"""Sparse networks on the clock: packed execution and training against dense PyTorch, interleaved in one process.

    python benchmarks/execution.py [--threads 1,2] [--rounds 30] > benchmarks/execution.md
    python benchmarks/execution.py --check
    python benchmarks/execution.py --peers [--deepsparse /path/to/python] [--only mlp] > benchmarks/peers.md

With `--peers` whole networks stand beside ONNX Runtime (float32 and int8), OpenVINO and DeepSparse (`peers.py`) instead.

Dense is the faster of `F.linear` and its feature-major form for a layer, and of PyTorch's two layouts of images for a
network. "Of that, sparsity" is the dense network as chains over the sparse one as chains: what chains alone gain is the rest.
"Limit" is the roofline: dense time over the time that this machine's measured ceilings leave for the MACs and
the bytes of the packed network. "A call" is what the smallest chain takes, which no ceiling holds.

With `--check` each kind of layer is held to a share of this machine's own dense product (`shares.py`), on one thread: the exit
code is 1 where one is far below what is known. It takes ten seconds, and no quiet machine.
"""

import argparse
import math
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import torch
from jobs import JOBS, Job
from rich import box
from rich.console import Console
from rich.table import Table
from torch import nn

from bench import chain_of, conditions, hide, mask_from, pack, why_no_kernels
from bench.execution.native import classes
from bench.machine import settle

CACHED = 1 << 20
"""Bytes that are taken to stay in a core's cache."""
SHORT = 1e-3
"""Seconds that a form is called again and again for one timing, after one call that nobody times."""


@dataclass
class Ceilings:
    """What this machine can do: MACs a second, bytes a second from a core's cache and from memory, seconds a call."""

    macs: float
    cache: float
    memory: float
    call: float

    def seconds(self, job: Job) -> float:
        """The least time for a job."""
        return max(job.macs / self.macs, job.bytes / (self.cache if job.bytes < CACHED else self.memory))


def best(run: Callable[[], object], rounds: int = 15) -> float:
    """The shortest of several runs, in seconds."""
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        run()
        times.append(time.perf_counter() - begun)
    return min(times)


def ceilings() -> Ceilings:
    """Measured now, with this process's threads."""
    a, b, out = torch.randn(768, 768), torch.randn(768, 768), torch.empty(768, 768)
    small, large = torch.ones(1 << 16), torch.ones(1 << 25)
    layer, x = nn.Linear(16, 16), torch.randn(1, 16)
    tiny = chain_of(layer, lambda inputs: [layer(inputs)], x, 1)
    return Ceilings(
        768**3 / best(lambda: torch.mm(a, b, out=out)),
        100 * small.nbytes / best(lambda: [small.sum() for _ in range(100)]),
        large.nbytes / best(large.sum, 5),
        best(lambda: [tiny(x) for _ in range(1000)]) / 1000,
    )


def measure(job: Job, rounds: int) -> tuple[float, float, float]:
    """Medians of the fastest dense form of PyTorch, the fastest of ours and of the dense chain (or NaN), in seconds."""
    forms = [*job.dense, *job.ours, *job.whole]
    times: list[list[float]] = [[] for _ in forms]
    with torch.set_grad_enabled("training" in job.name):
        for _ in range(rounds):
            for form, taken in zip(forms, times, strict=True):
                begun = time.perf_counter()
                form()
                calls = max(1, int(SHORT / (time.perf_counter() - begun)))
                begun = time.perf_counter()
                for _ in range(calls):
                    form()
                taken.append((time.perf_counter() - begun) / calls)
    medians = [statistics.median(taken) for taken in times]
    ours = len(job.dense) + len(job.ours)
    return (
        min(medians[: len(job.dense)]),
        min(medians[len(job.dense) : ours]),
        min(medians[ours:], default=math.nan),
    )


def sizes() -> Table:
    """Packed bytes of a network whose layers are all sparse, over dense float32."""
    table = Table("bytes at 12.5%, pattern from seed", "x dense float32", "target", box=box.MARKDOWN)
    net = nn.Sequential(nn.Linear(1024, 1024), nn.Linear(1024, 1024))
    dense = len(pack(net, "dense") or b"")
    for n, layer in enumerate(net):
        line = f"sparse[density=0.125]@{n}"
        hide(layer, mask_from(line, (1024, 1024)), line)
    for values, target in (("float32", 0.13), ("int8", 0.035)):
        size = len(pack(net, "pattern", values) or b"") / dense
        table.add_row(values, f"{size:.4f}", f"{target} {'' if size <= target else 'missed'}")
    return table


def _told(target: float | None, ratio: float) -> str:
    return "" if target is None else f"{target:g} x{'' if ratio >= target else ' missed'}"


def tell(console: Console, table: Table) -> None:
    """Print a table as Markdown, without spaces at the ends of lines."""
    with console.capture() as told:
        console.print(table)
    print("\n".join(line.rstrip() for line in told.get().splitlines()))


def beside_peers(args: argparse.Namespace) -> None:
    """Print the tables of networks beside engines."""
    import peers

    if (reason := why_no_kernels()) is not None:
        raise SystemExit(f"There are no native kernels: {reason}.")
    if not any(args.only in f"{row.name}, batch {row.batch}" for row in peers.ROWS):
        names = "; ".join(f"{row.name}, batch {row.batch}" for row in peers.ROWS)
        raise SystemExit(f"No row's name holds {args.only!r}; the rows are: {names}.")
    here, native = conditions(torch.device("cpu")), classes()
    print(
        f"# {date.today()}, {here['processor']}, torch {torch.__version__}: beside other engines\n\n"
        f"By `{' '.join(['python benchmarks/execution.py', *sys.argv[1:]])}`. Kernels: {getattr(native, 'vectors', '')}, int8 by "
        f"{getattr(native, 'whole_by', '')}. A peer's time over ours, of the processor / of the wall, and the target; float32 "
        "beside our float32, int8 beside the faster of ours. Limits: our time over the roofline's."
    )
    console = Console(width=220)
    for threads in map(int, args.threads.split(",")):
        settle(threads)
        top = ceilings()
        limits = peers.rooflines(top.macs, top.cache, top.memory)
        print(
            f"\n## Threads: {threads}\n\n{limits.floats / 1e9:.0f} GMAC/s in float32, {limits.whole / 1e9:.0f} GMAC/s in int8, "
            f"{top.cache / 1e9:.0f} GB/s cache, {top.memory / 1e9:.0f} GB/s memory\n"
        )
        table, missing = peers.table_of(limits, threads, args.rounds, 0.125, args.only, args.deepsparse)
        tell(console, table)
        print("".join(f"\n* {line}" for line in missing))


def check(args: argparse.Namespace) -> None:
    """Print the table of shares; leave with 1, and a sentence for each kind of layer that is too slow."""
    import shares

    if (reason := why_no_kernels()) is not None:
        raise SystemExit(f"There are no native kernels: {reason}.")
    if not any(args.only in kind.name for kind in shares.KINDS):
        names = "; ".join(kind.name for kind in shares.KINDS)
        raise SystemExit(f"No kind of layer holds {args.only!r} in its name; the kinds are: {names}.")
    settle(1)
    table, faults = shares.checked(args.rounds, args.only)
    print(f"{conditions(torch.device('cpu'))['processor']}, kernels: {shares.vectors()}, one thread\n")
    tell(Console(width=160), table)
    if faults:
        raise SystemExit("\n".join(faults))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", default="1,2", help="numbers of threads, one table each")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--only", default="", help="part of the names of jobs")
    parser.add_argument("--peers", action="store_true", help="networks beside the engines that are installed")
    parser.add_argument("--check", action="store_true", help="hold layers to a share of the dense product")
    parser.add_argument("--deepsparse", help="with --peers: the Python of an environment that has DeepSparse")
    args = parser.parse_args()
    if args.check or args.peers:
        (check if args.check else beside_peers)(args)
        return
    if not any(args.only in name for name in JOBS):
        parser.error(f"no job's name holds {args.only!r}; the jobs are: {'; '.join(JOBS)}")
    console = Console(width=170)
    if (reason := why_no_kernels()) is not None:
        raise SystemExit(f"There are no native kernels: {reason}.")
    here = conditions(torch.device("cpu"))
    console.print(
        f"# {date.today()}, {here['processor']}, torch {torch.__version__}\n\nBy `{' '.join(['python benchmarks/execution.py', *sys.argv[1:]])}`."
    )
    for threads in map(int, args.threads.split(",")):
        settle(threads)
        top = ceilings()
        console.print(
            f"\n## Threads: {threads}\n\n{top.macs / 1e9:.0f} GMAC/s, {top.cache / 1e9:.0f} GB/s cache, {top.memory / 1e9:.0f} GB/s memory, {top.call * 1e6:.1f} us a call"
        )
        columns = ("job", "dense", "ours", "ratio", "of that, sparsity", "target", "limit", "error")
        table = Table(*columns, box=box.MARKDOWN)
        for make in (make for name, make in JOBS.items() if args.only in name):
            torch.manual_seed(0)
            job = make()
            dense, ours, whole = measure(job, args.rounds)
            ratio = dense / ours
            table.add_row(
                job.name, f"{dense * 1e6:.0f} us", f"{ours * 1e6:.0f} us", f"{ratio:.1f} x",
                "" if math.isnan(whole) else f"{whole / ours:.1f} x",
                _told(job.target, ratio), f"{dense / top.seconds(job):.0f} x", f"{job.error:.0e}",
            )  # fmt: skip
        tell(console, table)
    console.print("\n## Bytes")
    tell(console, sizes())


if __name__ == "__main__":
    main()
