"""The C++ compiler, called for the native kernels: one process for each core, none of which outlives who asked for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.errors import SeesawError

SOURCES = sorted((Path(__file__).parent / "kernels").glob("*.*"))
FLAGS = ["-O3", "-fopenmp", "-ffp-contract=fast"]
UNITS = (
    ("call.cpp",),
    ("chain.cpp", "decide.cpp", "walk.cpp", "whole.cpp"),
    ("conv.cpp", "linear.cpp"),
    ("along.cpp", "gradients.cpp"),
)
"""The files that are compiled together: most of the time goes into PyTorch's headers, and most machines have two cores."""
PLAIN = ("call.cpp", "-O1")
"""A file in which nothing computes, and how far it is optimised: PyTorch's templates in it would take half of all the time."""

GUARD = """
exec 3<&0 </dev/null
"$@" & compiler=$!
{ read -r line <&3; kill -9 0; } & guard=$!
wait $compiler; code=$?
kill $guard 2>/dev/null
exit $code
"""
"""Runs a command; where the pipe at its input ends, as whoever holds the other side died, it ends with all its children."""

DRAFT = ".build-"
"""Beginning of the name of a folder in which a build goes on."""


def compiler() -> str:
    """The name of the compiler.

    Raises:
        FileNotFoundError: it is not on the path.
    """
    name = os.environ.get("CXX", "c++")
    if shutil.which(name) is None:
        raise FileNotFoundError(f"error: there is no C++ compiler ({name}) on the path")
    return name


def build(name: str, file: Path, target: str) -> None:
    """Compile the library in a folder of its own, and move it to its place when it is whole.

    Args:
        name: of the Python module.
        file: its place; the folder is there.
        target: the kind of processor, as `-march` names it.

    Raises:
        FileNotFoundError: there is no compiler.
        RuntimeError: the compiler fails; the text is what it printed.
    """
    cxx, torch_home = compiler(), _torch_home()
    headers = [
        torch_home / "include",
        torch_home / "include/torch/csrc/api/include",
        sysconfig.get_path("include"),
    ]
    own = [*FLAGS, "-std=c++20", "-fPIC", f"-march={target}", f"-DTORCH_EXTENSION_NAME={name}"]
    places = [f"-I{SOURCES[0].parent}", *(word for one in headers for word in ("-isystem", str(one)))]
    libraries = [f"-L{torch_home / 'lib'}", "-lc10", "-ltorch_cpu", "-ltorch", "-ltorch_python"]
    with TemporaryDirectory(dir=file.parent, prefix=DRAFT) as draft:
        folder = Path(draft)
        units = [folder / f"{Path(unit[0]).stem}.cpp" for unit in UNITS]
        for unit, parts in zip(units, UNITS, strict=True):
            unit.write_bytes(
                b"".join(b'#include "%s"\n' % os.fsencode(SOURCES[0].parent / part) for part in parts)
            )
        objects = [str(unit.with_suffix(".o")) for unit in units]
        run_together(
            [
                [
                    cxx,
                    *own,
                    *([PLAIN[1]] if unit.name == PLAIN[0] else []),
                    *places,
                    "-c",
                    str(unit),
                    "-o",
                    to,
                ]
                for unit, to in zip(units, objects, strict=True)
            ],
            folder,
        )
        library = folder / file.name
        shared = ["-shared", *(["-undefined", "dynamic_lookup"] if sys.platform == "darwin" else [])]
        run_together([[cxx, *shared, *objects, *libraries, "-o", str(library)]], folder)
        os.replace(library, file)


def _torch_home() -> Path:
    """PyTorch's folder, found without the seconds of importing it."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("error: PyTorch is not installed")
    return Path(spec.origin).parent


def sweep(folders: Iterable[Path]) -> None:
    """Remove what killed builds have left in folders where nobody builds now."""
    for folder in folders:
        for draft in folder.glob(f"{DRAFT}*"):
            shutil.rmtree(draft, ignore_errors=True)


def run_together(commands: Sequence[Sequence[str]], folder: Path) -> None:
    """Run commands at once; none goes on where one is interrupted, nor after this process.

    Args:
        commands: words.
        folder: for the files that they make on the way.

    Raises:
        RuntimeError: one fails; the text is what it printed.
    """
    if os.name == "nt":
        raise SeesawError("The native kernels are built on Linux and macOS alone. Go on without them.")
    environment = os.environ | {"TMPDIR": str(folder)}
    with ExitStack() as ended:
        running = []
        for number, words in enumerate(commands):
            printed = folder / f"{number}.log"
            with printed.open("wb") as log:
                process = subprocess.Popen(
                    ["/bin/sh", "-c", GUARD, "sh", *words], stdin=subprocess.PIPE, stdout=log,
                    stderr=subprocess.STDOUT, start_new_session=True, env=environment,
                )  # fmt: skip
            ended.callback(process.wait)
            if process.stdin is not None:
                ended.callback(process.stdin.close)
            running.append((process, printed))
        for process, printed in running:
            if process.wait():
                raise RuntimeError(printed.read_text(encoding="utf-8", errors="replace"))
