"""Compiled: a network's forward and backward pass by `torch.compile`, or one sentence that says why not."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from bench.errors import SeesawError
from bench.network.net import Net


def compiled(net: Net) -> Callable[[Tensor], list[Tensor]]:
    """The network's forward pass, compiled when it is first run, and anew where a mask or a hook was added."""
    logging.getLogger("torch._dynamo").setLevel(logging.ERROR)
    return torch.compile(net).__call__  # not the module, which would be a part of what trains


@contextmanager
def named(is_compiled: bool) -> Iterator[None]:
    """Turn an error of the compiler into a sentence.

    Raises:
        SeesawError: the network cannot be compiled here.
    """
    try:
        yield
    except Exception as error:
        if not is_compiled or not _of_compiler(error):
            raise
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")
        raise SeesawError(f"This network cannot be compiled here ({reason}). Leave --compile out.") from error


def _of_compiler(error: Exception) -> bool:
    modules = {kind.__module__ for kind in type(error).__mro__}
    return any(name.startswith(("torch._dynamo", "torch._inductor")) for name in modules)
