"""The native kernels: built once for this machine by torch's extension loader, where there is a compiler.

`SEESAW_NATIVE=0` leaves them out; `SEESAW_CACHE` names another folder than `~/.cache/seesaw` to keep them in.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import shutil
import subprocess
import sysconfig
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import torch
from torch import Tensor

from bench.errors import SeesawError
from bench.files import cache
from bench.lock import alone
from bench.machine import features

log = logging.getLogger(__name__)
SOURCES = sorted((Path(__file__).parent / "kernels").glob("*.*"))
FLAGS = ["-O3", "-march=native", "-fopenmp", "-ffp-contract=fast"]
SCHEMA = "chain(Tensor x, Tensor steps, Tensor index, Tensor values, int[] counts) -> Tensor[]"
library = torch.library.Library("seesaw", "FRAGMENT")
library.define(SCHEMA)


@torch.library.register_fake("seesaw::chain", lib=library)
def _(x: Tensor, steps: Tensor, index: Tensor, values: Tensor, counts: list[int]) -> list[Tensor]:
    return [x.new_empty(x.shape[0], count) for count in counts]


def version() -> str:
    """Of the kernels: what was measured of others does not hold for them."""
    return f"kernels {hashlib.sha256(b''.join(path.read_bytes() for path in SOURCES)).hexdigest()[:12]}"


def missing() -> str | None:
    """Why the native kernels cannot be had here, or None when they are loaded; builds them at the first call."""
    found = kernels()
    return found if isinstance(found, str) else None


def chain(x: Tensor, steps: Tensor, index: Tensor, values: Tensor, counts: list[int]) -> list[Tensor]:
    """The operator `seesaw::chain`, in fewer microseconds where nobody listens to operators."""
    listened = torch.compiler.is_compiling() or torch._C._is_torch_function_mode_enabled()
    if listened or type(x) is not Tensor:
        return torch.ops.seesaw.chain.default(x, steps, index, values, counts)
    return kernels().chain(x, steps, index, values, counts)  # pyright: ignore[reportAttributeAccessIssue]


@functools.cache
def kernels() -> ModuleType | str:
    """The library, whose operators are PyTorch's once it is loaded; or why it cannot be had."""
    if os.environ.get("SEESAW_NATIVE") == "0":
        return "SEESAW_NATIVE=0 leaves the native kernels out"
    try:
        found = _built()
        loader = ExtensionFileLoader(found.stem, str(found))
        module = module_from_spec(ModuleSpec(found.stem, loader, origin=str(found)))
        loader.exec_module(module)
    except (OSError, RuntimeError, ImportError, subprocess.SubprocessError, SeesawError) as error:
        reason = next((line for line in reversed(str(error).splitlines()) if "error" in line), str(error))
        return f"the native kernels were not built: {reason.strip()[:300]}"
    return module


def _built() -> Path:
    """The library's file, built if it is not there.

    Raises:
        OSError: no compiler, or the folder cannot be written.
        RuntimeError: the compiler fails.
        SeesawError: there is no such folder, or nothing in it can be locked.
    """
    told = [version(), *FLAGS, torch.__version__, EXTENSION_SUFFIXES[0], *features()]
    name = f"seesaw_{hashlib.sha256(chr(10).join(told).encode()).hexdigest()[:12]}"
    folder = cache() / name
    found = folder / f"{name}.so"
    if found.exists():
        return found
    if shutil.which(os.environ.get("CXX", "c++")) is None:
        raise FileNotFoundError("error: there is no C++ compiler (c++) on the path")
    folder.mkdir(parents=True, exist_ok=True)
    with alone(cache() / f"{name}.lock"):
        if not found.exists():
            log.info("Building the native kernels, once for this machine (half a minute).")
            _build(name, found)
    return found


def _build(name: str, found: Path) -> None:
    """Build in a folder of its own, and move the library to its place when it is whole."""
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # it misses a GPU
    from torch.utils.cpp_extension import load

    before = os.environ.get("PATH")
    # where pip puts ninja; and where a compiler is found without a path
    os.environ["PATH"] = os.pathsep.join(
        [sysconfig.get_path("scripts"), os.defpath if before is None else before]
    )
    try:
        with TemporaryDirectory(dir=found.parent) as folder:
            files = [str(path) for path in SOURCES if path.suffix == ".cpp"]
            load(name, files, extra_cflags=FLAGS, build_directory=folder, is_python_module=False)
            os.replace(Path(folder) / found.name, found)
    finally:
        if before is None:
            del os.environ["PATH"]
        else:
            os.environ["PATH"] = before
