"""Kept: the way that was fastest for a part on this machine, so that opening it again measures nothing.

One small JSON file in the cache for each part, batch and machine; `seesaw kernels --again` removes them.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from bench.errors import SeesawError
from bench.execution import native
from bench.execution.program.choices import choices
from bench.files import cache, read_plain, write_whole
from bench.network.net import Part

MAX_FILE = 1 << 16
"""Bytes; a larger file is not one of these."""


@dataclass(frozen=True)
class Kept:
    """What was measured of a part's ways.

    Attributes:
        way: name of the fastest.
        seconds: of each way, by its name.
        reason: why no chain was among them; None where one was.
    """

    way: str
    seconds: dict[str, float]
    reason: str | None


def place(part: Part, x: Tensor, *, chains: bool, int8: Tensor | None = None) -> Path | None:
    """The file for a part and batches like x, by all that its speed depends on; None where there is no cache folder.

    The name holds a digest of the modules, their weights and masks, the shape and type of x, the processor, its threads,
    PyTorch and the kernels, and the inputs that scales of int8 are set by.
    """
    try:
        folder = cache()
    except SeesawError:
        return None
    digest = hashlib.sha256()
    about = (
        *choices(torch.get_num_threads()).machine, native.why_no_kernels(), str(x.device), str(x.dtype), tuple(x.shape), chains,
        part.start, part.stop, str(part),
    )  # fmt: skip
    digest.update(json.dumps([str(one) for one in about]).encode())
    calibration = [] if int8 is None else [("int8", int8)]
    for name, tensor in (*part.named_parameters(), *part.named_buffers(), *calibration):
        own = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {own.dtype} {tuple(own.shape)}".encode())
        digest.update(own.reshape(-1).view(torch.uint8).numpy().data)
    return folder / f"way-{digest.hexdigest()[:24]}.json"


def read(path: Path | None) -> Kept | None:
    """What a file keeps; None where there is no such file, or it is damaged."""
    if path is None:
        return None
    try:
        content = json.loads(read_plain(path, MAX_FILE))
        way, seconds, reason = content["way"], content["seconds"], content["reason"]
        whole = all(isinstance(one, float) and 0 < one < math.inf for one in seconds.values())
        if whole and way in seconds and (reason is None or isinstance(reason, str)):
            return Kept(way, seconds, reason)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        pass
    return None


def write(path: Path | None, kept: Kept) -> None:
    """Keep it, where the folder can be written: it is only a matter of speed."""
    if path is None:
        return
    content = {"way": kept.way, "seconds": kept.seconds, "reason": kept.reason}
    try:
        write_whole(path, json.dumps(content, indent=1).encode(), "SEESAW_CACHE")
    except SeesawError:
        return
