"""The native kernels: built once for this machine by torch's extension loader, where there is a compiler.

`SEESAW_NATIVE=0` leaves them out; `SEESAW_CACHE` names another folder than the user's cache to keep them in;
`SEESAW_TARGET=x86-64-v3` builds them for a kind of processor as the compiler's `-march` names it, instead of this one.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import re
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
FLAGS = ["-O3", "-fopenmp", "-ffp-contract=fast"]
SCHEMA = "chain(Tensor x, Tensor steps, Tensor index, Tensor values, int[] counts) -> Tensor[]"
library = torch.library.Library("seesaw", "FRAGMENT")
library.define(SCHEMA)


@torch.library.register_fake("seesaw::chain", lib=library)
def _(x: Tensor, steps: Tensor, index: Tensor, values: Tensor, counts: list[int]) -> list[Tensor]:
    return [x.new_empty(x.shape[0], count) for count in counts]


def target() -> str:
    """The kind of processor that the kernels are built for, as the compiler names it.

    Raises:
        SeesawError: `SEESAW_TARGET` is no name of a processor.
    """
    name = os.environ.get("SEESAW_TARGET", "native")
    if not re.fullmatch(r"[\w.+-]+", name):
        raise SeesawError(
            f"SEESAW_TARGET={name!r} names no processor. Leave it out, or give x86-64-v3 or the like."
        )
    return name


def version() -> str:
    """The version of the kernels; measurements of one version do not hold for another."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in SOURCES)).hexdigest()[:12]
    return f"kernels {digest} for {target()}"


def vectors() -> str:
    """The registers that the kernels were built for: AVX-512, AVX2, NEON, or "128 bits"; "" where there are none."""
    return getattr(kernels(), "vectors", "")


def why_no_kernels() -> str | None:
    """Why there are no native kernels here, or None where they are loaded; the first call builds them."""
    module = kernels()
    return module if isinstance(module, str) else None


def chain(x: Tensor, steps: Tensor, index: Tensor, values: Tensor, counts: list[int]) -> list[Tensor]:
    """The operator `seesaw::chain`, some microseconds faster where nothing intercepts operators."""
    is_intercepted = torch.compiler.is_compiling() or torch._C._is_torch_function_mode_enabled()
    if is_intercepted or type(x) is not Tensor:
        return torch.ops.seesaw.chain.default(x, steps, index, values, counts)
    return kernels().chain(x, steps, index, values, counts)  # pyright: ignore[reportAttributeAccessIssue]


@functools.cache
def kernels() -> ModuleType | str:
    """The library, loaded, with its operators registered in PyTorch; or the reason why there is none."""
    if os.environ.get("SEESAW_NATIVE") == "0":
        return "SEESAW_NATIVE=0 leaves the native kernels out"
    target()  # a wrong name is the user's to mend
    try:
        file = _built()
        loader = ExtensionFileLoader(file.stem, str(file))
        module = module_from_spec(ModuleSpec(file.stem, loader, origin=str(file)))
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
        SeesawError: there is no folder for the cache, or a file in it cannot be locked.
    """
    parts = [version(), *FLAGS, torch.__version__, EXTENSION_SUFFIXES[0], *features()]
    name = f"seesaw_{hashlib.sha256(chr(10).join(parts).encode()).hexdigest()[:12]}"
    folder = cache() / name
    file = folder / f"{name}.so"
    if file.exists():
        return file
    if shutil.which(os.environ.get("CXX", "c++")) is None:
        raise FileNotFoundError("error: there is no C++ compiler (c++) on the path")
    folder.mkdir(parents=True, exist_ok=True)
    with alone(cache() / f"{name}.lock"):
        if not file.exists():
            log.info("Building the native kernels, once for this machine (half a minute).")
            _build(name, file)
    return file


def _build(name: str, file: Path) -> None:
    """Build the library in a folder of its own, and move it to its place when it is whole."""
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # it warns that there is no GPU
    from torch.utils.cpp_extension import load

    before = os.environ.get("PATH")
    # where pip puts ninja; and where a compiler is found without a path
    os.environ["PATH"] = os.pathsep.join(
        [sysconfig.get_path("scripts"), os.defpath if before is None else before]
    )
    try:
        with TemporaryDirectory(dir=file.parent) as folder:
            files = [str(path) for path in SOURCES if path.suffix == ".cpp"]
            load(
                name,
                files,
                extra_cflags=[*FLAGS, f"-march={target()}"],
                build_directory=folder,
                is_python_module=False,
            )
            os.replace(Path(folder) / file.name, file)
    finally:
        if before is None:
            del os.environ["PATH"]
        else:
            os.environ["PATH"] = before
