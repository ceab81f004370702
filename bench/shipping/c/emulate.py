"""Emulation: generated C cross-compiled for a microcontroller, run in QEMU, and measured there.

Instructions are told and never milliseconds: under `-icount shift=0` QEMU's clock goes on by one nanosecond with every
instruction, so a board's timer counts instructions, in steps of its tick (`Board.hertz`); the same in every run.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from bench.errors import SeesawError
from bench.kinds.policy import FORMULAS
from bench.shipping.c.boards import Board
from bench.shipping.c.code import Code
from bench.shipping.c.host import STRICT

TEXTS = Path(__file__).parent / "text"
OPTIMISED = ("-O2", "-ffunction-sections", "-fdata-sections")
LINKED = (
    "-nostartfiles",
    "-Wl,--gc-sections",
    "-Wl,--no-warn-rwx-segments",
)
NANOSECONDS = 1e9
SECONDS = 120
"""After so long the emulator is stopped."""
REASONS = {
    1: "the processor faults", 2: "the part refuses a frame", 3: "a file cannot be opened",
    4: "a file cannot be written",
}  # fmt: skip


@dataclass(frozen=True)
class Size:
    """What a part takes of a microcontroller.

    Attributes:
        flash: bytes of code and constants, the C library's functions that the part calls included.
        arena: bytes of the arena.
        data: bytes of other variables, the C library's.
        bound: bytes of stack that no call of the part's own functions exceeds, by the compiler's account; what functions
            of the C library take is not in it.
    """

    flash: int
    arena: int
    data: int
    bound: int


@dataclass(frozen=True)
class Emulated:
    """What a part did on a board, for N samples.

    Attributes:
        size: of the part.
        logits: (N, exits, classes), float32.
        leaves: by sample, exit and policy in the order of `FORMULAS`, (N, exits, 3); (N, exits, 0) without policies.
        frames: of the feature, a sample each; empty where the part has none.
        instructions: from the sample to each exit, and behind them to the feature's frame if there is one, without
            what asking policies takes, (N, exits or exits + 1).
        asking: of asking a policy at an exit, (N, exits, 3).
        stack: bytes that were really touched, the C library's functions included.
    """

    size: Size
    logits: np.ndarray
    leaves: np.ndarray
    frames: list[bytes]
    instructions: np.ndarray
    asking: np.ndarray
    stack: int

    @property
    def ram(self) -> int:
        """Bytes of RAM: arena, other variables, and the stack: the larger of what was touched and the bound."""
        return self.size.arena + self.size.data + max(self.stack, self.size.bound)


def why_not(board: Board, *, emulator: bool = True) -> str | None:
    """Why nothing can be compiled for a board here, or run; None where it can."""
    tools = board.tools
    programs = (tools.compiler, tools.sizer, *([tools.emulator] if emulator else []))
    if lacking := [name for name in programs if shutil.which(name) is None]:
        return f"There is no {' and no '.join(lacking)} here. Install Debian's {tools.packages}."
    return None


def version(board: Board) -> str:
    """The name and version of a board's cross-compiler."""
    compiler = board.tools.compiler
    done = subprocess.run([compiler, "-dumpfullversion"], capture_output=True, text=True, check=True)
    return f"{compiler} {done.stdout.strip()}"


def emulate(
    code: Code,
    classes: int,
    board: Board,
    x: Sequence[np.ndarray] | Sequence[bytes],
    flags: Sequence[str] = (),
) -> Emulated:
    """Compile a part for a board and run it there.

    Args:
        code: of the part.
        classes: how many logits an exit has.
        board: to run on.
        x: samples, or frames for a server's part.
        flags: more of them for the compiler.

    Raises:
        SeesawError: no toolchain is here, the part does not fit the board, or it fails there.
    """
    if (reason := why_not(board)) is not None:
        raise SeesawError(reason)
    with TemporaryDirectory(prefix="seesaw-board-") as place:
        folder = Path(place)
        size = _build(code, board, folder, flags)
        payload = [one if isinstance(one, bytes) else np.ascontiguousarray(one, "<f4").tobytes() for one in x]
        answers = _run(board, folder, b"".join(payload))
    return _read(answers, size, code, classes, board, len(payload))


def ticks_of_loop(code: Code, board: Board, turns: int) -> float:
    """The instructions that the board's clock counts for a loop of three, `turns` times; to hold the clock against."""
    with TemporaryDirectory(prefix="seesaw-board-") as place:
        folder = Path(place)
        _build(code, board, folder, (f"-DRUNNER_LOOPS={turns}u",))
        answers = _run(board, folder, b"")
    return int(np.frombuffer(answers[:4], "<u4")[0]) * NANOSECONDS / board.hertz


def size_of(code: Code, board: Board, flags: Sequence[str] = ()) -> Size:
    """What a part takes of a board, without running it.

    Raises:
        SeesawError: no cross-compiler is here, or the part does not fit the board.
    """
    if (reason := why_not(board, emulator=False)) is not None:
        raise SeesawError(reason)
    with TemporaryDirectory(prefix="seesaw-board-") as place:
        return _build(code, board, Path(place), flags)


def _build(code: Code, board: Board, folder: Path, flags: Sequence[str]) -> Size:
    """Write, compile and link a part with the program around it, as `program.elf`."""
    (folder / "model.h").write_text(code.header, encoding="utf-8")
    (folder / "model.c").write_text(code.source, encoding="utf-8")
    (folder / "board.ld").write_text(
        board.memory + (TEXTS / "board.ld").read_text(encoding="utf-8"), encoding="utf-8"
    )
    shutil.copy(TEXTS / "board.c", folder / "board.c")
    shutil.copy(TEXTS / board.tools.machine, folder / "machine.h")
    common = [board.tools.compiler, *board.flags, *OPTIMISED, *flags]
    for name in ("model", "board"):
        _do([*common, *STRICT, "-fcallgraph-info=su", "-c", f"{name}.c", "-o", f"{name}.o"], folder)
    _do(
        [
            *common,
            *board.tools.linked,
            *LINKED,
            "-T",
            "board.ld",
            "model.o",
            "board.o",
            "-lm",
            "-o",
            "program.elf",
        ],
        folder,
    )
    lines = _do([board.tools.sizer, "-A", "program.elf"], folder).splitlines()
    sections = {
        words[0]: int(words[1]) for words in map(str.split, lines) if len(words) == 3 and words[1].isdigit()
    }
    return Size(
        sections[".text"] + sections.get(".data", 0),
        code.arena,
        sections.get(".data", 0) + sections.get(".bss", 0),
        _bound((folder / "model.ci").read_text(encoding="utf-8", errors="replace")),
    )


def _do(command: Sequence[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return done.stdout
    if "will not fit in region" in done.stderr or "overflowed by" in done.stderr:
        over = ", ".join(sorted(set(re.findall(r"region `(\w+)' overflowed by \d+ bytes", done.stderr))))
        raise SeesawError(
            f"The part does not fit the board's {over or 'memory'}. Choose a sparser network or an earlier cut."
        )
    raise SeesawError(
        f"{command[0]} refuses what was written: {done.stderr.strip()[:500]}. Please report this."
    )


def _bound(graph: str) -> int:
    """The deepest stack of any chain of calls, by the compiler's account of each function (`-fcallgraph-info=su`)."""
    own = {
        title: int(size)
        for title, size in re.findall(
            r'node: \{ title: "([^"]+)" label: "[^"]*?(\d+) bytes \((?:static|dynamic,bounded)\)', graph
        )
    }
    calls: dict[str, list[str]] = {}
    for source, target in re.findall(r'edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"', graph):
        calls.setdefault(source, []).append(target)

    def depth(name: str, above: frozenset[str]) -> int:
        if name in above:
            raise SeesawError(f"{name} calls itself, so its stack has no bound. Please report this.")
        return own.get(name, 0) + max((depth(one, above | {name}) for one in calls.get(name, [])), default=0)

    if not own:
        raise SeesawError("The compiler gives no account of the stack. Please report this.")
    return max(depth(name, frozenset()) for name in own)


def _run(board: Board, folder: Path, samples: bytes) -> bytes:
    (folder / "samples").write_bytes(samples)
    command = [
        board.tools.emulator, "-M", board.machine, *board.options, "-nographic", "-monitor", "none", "-serial", "none", "-icount", "shift=0",
        "-semihosting-config", "enable=on,target=native", "-kernel", "program.elf",
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, stdin=subprocess.DEVNULL, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise SeesawError(
            f"The emulated board has not ended after {SECONDS} s. Give it fewer samples."
        ) from error
    if done.returncode:
        reason = REASONS.get(done.returncode, f"it ends with {done.returncode}")
        detail = done.stderr.decode(errors="replace").strip()[-300:]
        raise SeesawError(f"The part does not run on {board.machine}: {reason}. {detail}".strip())
    return (folder / "answers").read_bytes()


def _read(answers: bytes, size: Size, code: Code, classes: int, board: Board, samples: int) -> Emulated:
    """What the program wrote, in the order in which `board.c` writes it."""
    policies = len(FORMULAS) if code.decides else 0
    asked = np.dtype([("leaves", "<u4"), ("ticks", "<u4")])
    exit_ = np.dtype([("ticks", "<u4"), ("logits", "<f4", (classes,)), ("asked", asked, (policies,))])
    fields: list[tuple] = [("start", "<u4"), ("exits", exit_, (code.exits,)), ("last", "<u4")]
    if code.frame:
        fields += [("encoding", "<u4"), ("frame", "u1", (code.frame,))]
    row = np.dtype(fields)
    if len(answers) != samples * row.itemsize + 4:
        raise SeesawError(f"The part does not run on {board.machine}: it ends too early. Please report this.")
    rows = np.frombuffer(answers[:-4], row)
    each = NANOSECONDS / board.hertz
    to = rows["start"][:, None] + np.cumsum(rows["exits"]["ticks"].astype(np.int64), 1).reshape(
        samples, code.exits
    )
    if code.frame:
        before = to[:, -1:] if code.exits else rows["start"][:, None].astype(np.int64)
        to = np.concatenate([to, before + rows["last"][:, None] + rows["encoding"][:, None]], 1)
    return Emulated(
        size,
        rows["exits"]["logits"].copy(),
        rows["exits"]["asked"]["leaves"].astype(bool),
        [bytes(one) for one in rows["frame"]] if code.frame else [],
        to * each,
        rows["exits"]["asked"]["ticks"] * each,
        int(np.frombuffer(answers[-4:], "<u4")[0]),
    )
