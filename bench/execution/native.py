"""The native kernels: those that a wheel carries, or built once for this machine, where there is a compiler.

`SEESAW_NATIVE=0` leaves them out; `SEESAW_CACHE` names another folder than the user's cache to keep them in;
`SEESAW_TARGET=x86-64-v3` builds them for a kind of processor as the compiler's `-march` names it, instead of this one.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import re
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from bench import machine
from bench.errors import SeesawError
from bench.execution.compiler import FLAGS, SOURCES, build, compiler, sweep
from bench.files import cache
from bench.lock import alone
from bench.machine import features, targets_of

log = logging.getLogger(__name__)
SHIPPED = Path(__file__).parent / "kernels" / "built"
"""The folder of the libraries that a wheel carries."""
SCHEMA = "chain(Tensor x, Tensor steps, Tensor index, Tensor values, int[] counts) -> Tensor[]"
library = torch.library.Library("seesaw", "FRAGMENT")
library.define(SCHEMA)


@torch.library.register_fake("seesaw::chain", lib=library)
def _(x: Tensor, steps: Tensor, index: Tensor, values: Tensor, counts: list[int]) -> list[Tensor]:
    return [x.new_empty(x.shape[0], count) for count in counts]


def target() -> str:
    """The kind of processor that the kernels are built for, as the compiler names it.

    Left open, it is one that this distribution was built with and whose kernels run here, else this very processor.

    Raises:
        SeesawError: `SEESAW_TARGET` is no name of a processor.
    """
    name = os.environ.get("SEESAW_TARGET") or next(iter(shipped()), "native")
    if not re.fullmatch(r"[\w.+-]+", name):
        raise SeesawError(
            f"SEESAW_TARGET={name!r} names no processor. Leave it out, or give x86-64-v3 or the like."
        )
    return name


def version() -> str:
    """The version of the kernels; measurements of one version do not hold for another."""
    return f"kernels {_digest(*(path.read_bytes() for path in SOURCES))} for {target()}"


@functools.cache
def shipped() -> dict[str, Path]:
    """The libraries of this distribution that run here, by target, the fastest first: a wheel carries them.

    One is only taken with the version of PyTorch and of Python, and for the sources, that it was built with.
    """
    files = {name: SHIPPED / shipped_name(name) for name in targets_of(features()[1].split())}
    return {name: file for name, file in files.items() if file.exists()}


def shipped_name(name: str) -> str:
    """The name of a distribution's library for a target, by all that it depends on."""
    parts = [*(path.read_bytes() for path in SOURCES), *map(str.encode, (*FLAGS, EXTENSION_SUFFIXES[0]))]
    return f"seesaw_{name.replace('-', '_')}_{_digest(*parts)}_torch_{torch.__version__}.so"


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"".join(parts)).hexdigest()[:12]


def vectors() -> str:
    """The registers that the kernels were built for: AVX-512, AVX2, NEON, or "128 bits"; "" where there are none."""
    return getattr(kernels(), "vectors", "")


def conditions(device: torch.device) -> dict[str, Any]:
    """The conditions of numbers, with the registers of the native kernels where these were loaded: a processor's name, as virtual
    machines have it, does not tell them, and `SEESAW_TARGET` names others.
    """
    loaded = {"vectors": found} if kernels.cache_info().currsize and (found := vectors()) else {}
    return machine.conditions(device) | loaded


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


def classes() -> ModuleType | None:
    """The library, which has the classes `Decider`, `Stretch` and `Walk` too (kernels/walk.h); None where there is none."""
    return None if isinstance(module := kernels(), str) else module


@functools.cache
def kernels() -> ModuleType | str:
    """The library, loaded, with its operators registered in PyTorch; or the reason why there is none."""
    if os.environ.get("SEESAW_NATIVE") == "0":
        return "SEESAW_NATIVE=0 leaves the native kernels out"
    target()  # a wrong name is the user's to mend
    try:
        file = _library()
        name = file.stem.partition("_torch_")[0]
        loader = ExtensionFileLoader(name, str(file))
        module = module_from_spec(ModuleSpec(name, loader, origin=str(file)))
        loader.exec_module(module)
    except (OSError, RuntimeError, ImportError, SeesawError) as error:
        reason = next((line for line in reversed(str(error).splitlines()) if "error" in line), str(error))
        return f"the native kernels were not built: {reason.strip()[:300]}"
    return module


def _library() -> Path:
    """The library's file: the distribution's, or one that was built here, or is built now.

    Raises:
        OSError: no compiler, or the folder cannot be written.
        RuntimeError: the compiler fails.
        SeesawError: there is no folder for the cache, or a file in it cannot be locked.
    """
    if (file := shipped().get(target())) is not None:
        return file
    parts = [version(), *FLAGS, torch.__version__, EXTENSION_SUFFIXES[0], *features()]
    name = f"seesaw_{_digest(chr(10).join(parts).encode())}"
    file = cache() / name / f"{name}.so"
    if file.exists():
        return file
    try:
        compiler()
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{error}{_other_torch()}") from error
    file.parent.mkdir(parents=True, exist_ok=True)
    with alone(cache() / "kernels.lock"):
        if not file.exists():
            log.info("Building the native kernels, once for this machine (half a minute).")
            sweep(cache().glob("seesaw_*"))
            build(name, file, target())
    return file


def _other_torch() -> str:
    """The end of a sentence where this distribution carries kernels for another PyTorch; else empty."""
    versions = {file.stem.rpartition("_torch_")[2] for file in SHIPPED.glob("*.so")}
    if not versions or torch.__version__ in versions:
        return ""
    return f", and this wheel's kernels are for PyTorch {' and '.join(sorted(versions))}, not {torch.__version__}"
