"""Pretrained models and tokenizers, through the library transformers: from a folder or from the hub."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar
from urllib.parse import urlparse
from urllib.request import getproxies

import torch

from bench.errors import SeesawError, needing

_alone: ContextVar[bool] = ContextVar("_alone", default=False)
"""Whether the hub may not be asked now."""

_later: ContextVar[bool] = ContextVar("_later", default=False)
"""Whether weights come from a file when the network is built."""


@contextmanager
def without_hub() -> Iterator[None]:
    """Within it the hub is not asked for anything: the names that are looked up come from a stranger's file."""
    token = _alone.set(True)
    try:
        yield
    finally:
        _alone.reset(token)


@contextmanager
def weights_later() -> Iterator[None]:
    """Within it networks begin without published weights: a file brings all of them."""
    token = _later.set(True)
    try:
        yield
    finally:
        _later.reset(token)


def weights_wanted() -> bool:
    """Whether published weights are to be loaded: not for shapes alone, nor where a file brings others at once."""
    return not _later.get() and torch.get_default_device().type != "meta"


def pretrained(kind: str, name: str, **settings: Any) -> Any:
    """An object of one of the library's `Auto` classes.

    Args:
        kind: of the class, such as `AutoModel`.
        name: a folder, or a name on the hub, whose files are fetched once and then taken from its cache.
        settings: of `from_pretrained`.

    Raises:
        SeesawError: the library is missing, or the object is neither on disk nor to be fetched.
    """
    load = getattr(_library(), kind).from_pretrained
    try:
        with _offline():
            return load(name, local_files_only=True, **settings)
    except Exception as error:  # the library's errors have no common base
        reason = _line(error)
    if _alone.get():
        raise SeesawError(
            f"There is no {kind.removeprefix('Auto').lower()} {name!r} on this machine, and the hub is not asked for what a "
            f"file names ({reason}). If you trust it, fetch it first: bench.pretrained({kind!r}, {name!r})."
        )
    if not Path(name).exists() and _reachable():
        try:
            return load(name, **settings)
        except Exception as error:
            reason = _line(error)
    raise SeesawError(
        f"There is no {kind.removeprefix('Auto').lower()} {name!r} to be had ({reason}). Give the folder that "
        "`save_pretrained` wrote, or a name on the hub while that can be reached."
    )


T = TypeVar("T")


def published(what: str, load: Callable[[bool], T], instead: str) -> T:
    """Something that a library loads from its cache or else from where it is published.

    Args:
        what: it is, as the subject of a sentence.
        load: by the library; called with whether it may be fetched: first with False.
        instead: the end of the sentence: what else can be done.

    Raises:
        SeesawError: it is neither on this machine nor to be fetched, or a stranger's file names it and it is not here.
    """
    try:
        with _offline():
            return load(False)
    except Exception as error:  # libraries' errors have no common base
        reason = _line(error)
    if not _alone.get() and _reachable():
        try:
            return load(True)
        except Exception as error:
            reason = _line(error)
    raise SeesawError(f"{what} is not on this machine and not to be fetched ({reason}). {instead}")


def revision(name: str) -> dict[str, str]:
    """The identity of the weights of this name: the hub's commit, or a digest of a folder's files.

    Raises:
        SeesawError: they are neither on disk nor to be fetched.
    """
    commit = getattr(pretrained("AutoConfig", name), "_commit_hash", None)
    if commit is not None:
        return {"commit": str(commit)}
    digest = hashlib.sha256()
    for path in sorted(path for end in ("*.json", "*.safetensors", "*.bin") for path in Path(name).glob(end)):
        digest.update(path.name.encode() + b"\0")
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return {"files": digest.hexdigest()[:16]}


@contextmanager
def _offline() -> Iterator[None]:
    """Within it the library reads its cache alone; `local_files_only` still asks the hub about a tokenizer's model."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), "") or type(error).__name__


def _library() -> ModuleType:
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # else it warns of every process that is started
    with needing("text", "Pretrained encoders need the library"):
        import transformers
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    return transformers


def _reachable() -> bool:
    """Whether the hub's name resolves here: the library would try it six times, for most of a minute."""
    if getproxies():
        return True
    try:
        host = urlparse(os.environ.get("HF_ENDPOINT") or "https://huggingface.co").hostname
        return bool(socket.getaddrinfo(host, 443))
    except OSError:
        return False
