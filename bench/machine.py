"""The machine, the versions and the commit that a record was made on."""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import SeesawError

if TYPE_CHECKING:
    import torch

PACKAGES = (
    "seesaw-bench", "torch", "torchvision", "pytorch-lightning", "torchmetrics", "numpy", "fvcore", "scikit-learn",
)  # fmt: skip
"""The distributions whose versions a record names, because numbers depend on them."""


KEPT = 256 << 20
"""Bytes that `keep_memory` keeps, at most."""
_TRIM, _MAP, _MOST_MAPPED = -1, -3, 32 << 20
"""Of malloc.h: M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, and the most bytes that the latter takes."""


class Clock:
    """Times. What measures takes one as an argument, so that a test can hand in its own."""

    def __call__(self) -> float:
        """Seconds since some moment, on the wall."""
        return time.perf_counter()

    def processor(self) -> float:
        """Seconds in which the calling thread has computed; waiting does not count."""
        return time.thread_time()

    def waiting(self) -> Callable[[], float]:
        """A function that gives the seconds in which threads of this process had work and no core.

        Linux counts them for each thread. Elsewhere it is the time in which the calling thread did not compute.
        """
        files = _scheduler_files()
        if not files:
            return lambda: time.perf_counter() - time.thread_time()
        return lambda: sum(_run_delay(file.fileno()) for file in files)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        time.sleep(seconds)


WALL = Clock()


def _scheduler_files() -> list[BufferedReader]:
    """The scheduler's counts of each thread of this process, open; none where the system keeps none."""
    try:
        return [path.open("rb") for path in Path("/proc/self/task").glob("*/schedstat")]
    except OSError:
        return []


def _run_delay(file: int) -> float:
    """Seconds in which a thread has waited for a core; 0 for a thread that has ended."""
    try:
        return int(os.pread(file, 64, 0).split()[1]) * 1e-9
    except (OSError, IndexError):
        return 0.0


def conditions(device: torch.device) -> dict[str, Any]:
    """The conditions of numbers: processor, cores, threads, governor where readable, accelerator, system."""
    import torch

    values: dict[str, Any] = {
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "device": device.type,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }
    if device.type == "cuda":
        values["accelerator"] = torch.cuda.get_device_name(device)
    return values


def settle(threads: int | None, *, deterministic: bool = False) -> None:
    """Set the conditions that numbers depend on in this process, which keeps memory that was freed (`keep_memory`) from then on.

    Args:
        threads: of PyTorch; its own number where None.
        deterministic: whether PyTorch may use deterministic algorithms only.
    """
    import torch

    keep_memory()
    if threads is not None:
        torch.set_num_threads(threads)
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # PyTorch requires it on CUDA
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = False


def keep_memory() -> None:
    """Keep memory that was freed for what comes next, instead of giving it back to the system at once.

    A process that takes a megabyte again and again otherwise spends more time on getting its pages than on filling them: a sixth of the
    time of training a small network, for instance. The C library of GNU alone can be told so; under others nothing changes.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_TRIM, KEPT)
        mallopt(_MAP, _MOST_MAPPED)


@contextmanager
def on_threads(count: int) -> Iterator[None]:
    """Within it, PyTorch has so many threads on the CPU."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that numbers depend on."""
    installed = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            installed[package] = version(package)
        except PackageNotFoundError:
            continue
    return installed


@cache
def commit() -> tuple[str | None, bool | None]:
    """The commit of the code, and whether tracked files other than records and pages differ from it.

    (None, None) where the code does not lie in a git checkout.
    """
    top = Path(__file__).resolve().parent.parent
    head = _git(top, "rev-parse", "HEAD") if (top / ".git").exists() else None
    if head is None:
        return None, None
    changed = _git(top, "status", "--porcelain", "--untracked-files=no", "--", ".", ":!leaderboards")
    return head, bool(changed)


def _git(folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *words], cwd=folder, capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


TARGETS = {
    "x86-64-v4": "avx512f avx512bw avx512cd avx512dq avx512vl avx2 fma f16c bmi1 bmi2 movbe abm",
    "x86-64-v3": "avx avx2 fma f16c bmi1 bmi2 movbe abm",
    "x86-64-v2": "cx16 lahf_lm popcnt sse4_1 sse4_2 ssse3",
    "armv8-a": "asimd",
}
"""Kinds of processors as compilers name them, the widest registers first, each with the features that it needs."""


def targets_of(available: Collection[str]) -> list[str]:
    """The kinds of processors whose code runs where these features are available, the widest registers first."""
    return [name for name, needed in TARGETS.items() if set(needed.split()) <= set(available)]


def features() -> list[str]:
    """The processor's name and its instruction sets, which native code depends on; empty if not listed."""
    lines = (_read("/proc/cpuinfo") or "").splitlines()
    sets = next((line for line in lines if line.lower().startswith(("flags", "features"))), "")
    return [processor(), sets]


def processor() -> str:
    """The processor's name."""
    for line in (_read("/proc/cpuinfo") or "").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def pick_device(name: str) -> torch.device:
    """The device of this name; `auto` takes cuda, else mps, else cpu.

    Raises:
        SeesawError: the device is not there.
    """
    import torch

    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    names = [device for device, is_available in available.items() if is_available]
    if name == "auto":
        name = names[0]
    if name not in names:
        raise SeesawError(f"There is no device {name!r} here. Choose auto, {', '.join(names)}.")
    return torch.device(name)
