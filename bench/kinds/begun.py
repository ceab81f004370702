"""Begun: the memory with which a split policy begins, made once for the same settings and arms, and kept where that takes a training."""

from __future__ import annotations

import hashlib
import sys
from collections import OrderedDict
from dataclasses import fields
from pathlib import Path

import numpy as np
import torch

from bench.errors import SeesawError
from bench.kinds.bases.trained_split import Checkpoint, TrainedSplit
from bench.kinds.split import Known, SplitPolicy

MOST = 64
"""Memories that a process keeps."""
_MEMORIES: OrderedDict[tuple[type, str], np.ndarray] = OrderedDict()


def begun(policy: SplitPolicy, known: Known, folder: Path | None = None) -> np.ndarray:
    """A policy's memory before the first request, float64 (numbers,); the caller may write it.

    Args:
        policy: a plugin, and so a value: the same one makes the same memory of the same arms.
        known: the arms, and what is known of them.
        folder: for what a `TrainedSplit` has learnt, and for the checkpoint of one at work; left out, the process alone remembers it.

    Raises:
        SeesawError: the policy has no such memory, no arm that it could choose, or a kept file is damaged.
    """
    digest = _digest(policy, known)
    key = type(policy), digest
    if key not in _MEMORIES:
        _MEMORIES[key] = _made(policy, known, digest, folder)
        if len(_MEMORIES) > MOST:
            _MEMORIES.popitem(last=False)
    _MEMORIES.move_to_end(key)
    return _MEMORIES[key].copy()


def forget() -> None:
    """Forget every memory, so that each is made anew: for checks that the same policy makes the same one."""
    _MEMORIES.clear()


def _made(policy: SplitPolicy, known: Known, digest: str, folder: Path | None) -> np.ndarray:
    if not isinstance(policy, TrainedSplit) or folder is None:
        return _checked(policy, policy.begin(known))
    name = f"{type(policy).__name__.lower()}-{_with_source(policy, digest)}"
    learnt = Checkpoint(folder / f"{name}.safetensors")
    if "memory" not in (found := learnt.load()):
        checkpoint = Checkpoint(folder / f"{name}.training.safetensors")
        found = {"memory": torch.from_numpy(_checked(policy, policy.train(known, checkpoint)))}
        learnt.save(found)
        checkpoint.remove()
    return _checked(policy, found["memory"].numpy())


def _checked(policy: SplitPolicy, memory: np.ndarray) -> np.ndarray:
    memory = np.ascontiguousarray(memory, np.float64)
    if memory.ndim != 1 or not len(memory):
        raise SeesawError(
            f"{type(policy).__name__}.begin gives a memory of shape {memory.shape}. Give (numbers,), one at least."
        )
    return memory


def _digest(policy: SplitPolicy, known: Known) -> str:
    """A policy's settings and what is known, in 16 hexadecimal digits."""
    digest = hashlib.sha256(policy.model_dump_json().encode())
    for field in fields(known):
        value = getattr(known, field.name)
        digest.update(field.name.encode())
        digest.update(value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
    return digest.hexdigest()[:16]


def _with_source(policy: SplitPolicy, digest: str) -> str:
    """A digest that also holds the code of a policy's class, its bases and what their files import beside them: other code learns anew."""
    whole, names = hashlib.sha256(f"{digest} {torch.__version__}".encode()), set[str]()
    for base in type(policy).__mro__:
        if issubclass(base, SplitPolicy) and base not in (SplitPolicy, TrainedSplit):
            whole.update(base.__qualname__.encode())
            beside = vars(sys.modules[base.__module__]) if base.__module__ in sys.modules else {}
            names |= {base.__module__, *(getattr(one, "__module__", None) or "" for one in beside.values())}
    package = type(policy).__module__.partition(".")[0]
    for name in sorted(one for one in names if one.partition(".")[0] == package):
        path = getattr(sys.modules.get(name), "__file__", None)
        whole.update(name.encode() + (Path(path).read_bytes() if path else b""))
    return whole.hexdigest()[:16]
