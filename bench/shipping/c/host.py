"""Host: generated C compiled for this machine, and run beside the network that it came from."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from bench.errors import SeesawError
from bench.shipping.c.code import Code

STRICT = ("-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Werror")
"""Flags under which what is written compiles without a warning."""


@dataclass(frozen=True)
class Ran:
    """What the code made of one sample.

    Attributes:
        logits: of every exit, (exits, classes).
        leaves: by policy, whether it lets the sample leave at each exit.
        frame: the feature's; empty where there is none.
    """

    logits: np.ndarray
    leaves: list[list[bool]]
    frame: bytes


class Host:
    """A part as a library of this process.

    Args:
        code: of the part.
        classes: how many logits an exit has.
        library: compiled from it.
    """

    def __init__(self, code: Code, classes: int, library: Path) -> None:
        self.code, self.classes = code, classes
        self.functions = ctypes.CDLL(str(library))
        self.functions.model_logits.restype = ctypes.POINTER(ctypes.c_float)
        self.arena = (ctypes.c_uint64 * -(-code.arena // 8))()

    def run(self, x: np.ndarray, policies: Sequence[int] = ()) -> Ran:
        """One sample from the first exit to the last, whatever policies decide on the way.

        Args:
            x: float32, as many numbers as an input has.
            policies: the numbers of those to ask, in the order of `FORMULAS`.
        """
        x = np.ascontiguousarray(x, np.float32)
        self.functions.model_start(self.arena, x.ctypes.data_as(ctypes.c_void_p))
        return self._walk(policies)

    def receive(self, frame: bytes, policies: Sequence[int] = ()) -> Ran | None:
        """One sample from the frame that a device sent; None where the code refuses it."""
        if not self.functions.model_receive(self.arena, frame, ctypes.c_size_t(len(frame))):
            return None
        return self._walk(policies)

    def _walk(self, policies: Sequence[int]) -> Ran:
        logits, leaves = [], []
        while self.functions.model_next(self.arena) >= 0:
            at = self.functions.model_logits(self.arena)
            logits.append(np.ctypeslib.as_array(at, (self.classes,)).copy())
            leaves.append([bool(self.functions.model_leaves(self.arena, policy)) for policy in policies])
        frame = ctypes.create_string_buffer(self.code.frame)
        if self.code.frame:
            self.functions.model_encode(self.arena, frame)
        rows = np.stack(logits) if logits else np.zeros((0, self.classes), np.float32)
        return Ran(rows, [list(one) for one in zip(*leaves, strict=True)], frame.raw)


def compiler() -> str | None:
    """The C compiler of this machine; None where there is none."""
    name = os.environ.get("CC", "cc")
    return name if shutil.which(name) else None


@contextmanager
def compiled(code: Code, classes: int, flags: Sequence[str] = ("-O2",)) -> Iterator[Host]:
    """Code compiled for this machine, as long as it is needed.

    Raises:
        SeesawError: there is no compiler, or it refuses the code.
    """
    name = compiler()
    if name is None:
        raise SeesawError("There is no C compiler here. Install one, or name it: CC=gcc.")
    with TemporaryDirectory(prefix="seesaw-c-") as place:
        folder = Path(place)
        (folder / "model.h").write_text(code.header, encoding="utf-8")
        (folder / "model.c").write_text(code.source, encoding="utf-8")
        library = folder / "model.so"
        command = [
            name,
            *STRICT,
            *flags,
            "-fPIC",
            "-shared",
            "-o",
            str(library),
            str(folder / "model.c"),
            "-lm",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SeesawError(
                f"{name} refuses what was written: {done.stderr.strip()[:500]}. Name another compiler (CC=gcc), "
                "or please report this."
            )
        yield Host(code, classes, library)
