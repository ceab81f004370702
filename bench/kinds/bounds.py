"""Bounds: how large a network may be that a stranger's file describes, held before anything of it is allocated."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from threading import get_ident

import torch
from torch import nn
from torch.nn.modules.module import register_module_module_registration_hook

from bench.errors import SeesawError
from bench.kinds.backbone import Backbone
from bench.kinds.build import seeded, untrained
from bench.kinds.exits import Exits
from bench.kinds.method import Method
from bench.kinds.task import About
from bench.network.net import Net

MODULES, NUMBERS, BETWEEN = 5_000, 1 << 28, 1 << 26
"""Limits of a network: modules, numbers in it, and numbers between two stages for one sample."""

TRIED = 1 << 14
"""Limit: modules of all networks together that a method tries before it knows which to build, as `narrow` does."""


def hold_size(
    backbone: Backbone, method: Method, exits: Exits, about: About, *, cut: int | None = None
) -> None:
    """Refuse a network that is too large for one that a file describes; only shapes are made to see it.

    Raises:
        SeesawError: it is too large, or cannot be built.
    """
    try:
        with _growth(), seeded(0), torch.device("meta"):
            _, ghost = untrained(backbone, method, exits, about, cut=cut)
        numbers = sum(tensor.numel() for tensor in ghost.state_dict().values())
        between = max(map(math.prod, [about.sample.shape, *ghost.shapes]))
    except (ValueError, RuntimeError, TypeError, IndexError, ArithmeticError) as error:
        raise SeesawError(f"There is no such network to build ({error}). Ask who described it.") from error
    if numbers > NUMBERS:
        raise SeesawError(
            f"The network has {numbers:,} numbers, and one that a file describes has at most {NUMBERS:,}. Build it by hand."
        )
    if between > BETWEEN:
        raise SeesawError(
            f"{between:,} numbers lie between two stages of the network, and {BETWEEN:,} may in one that a file describes. "
            "Build it by hand."
        )


@contextmanager
def _growth() -> Iterator[None]:
    """Within it this thread makes no network of more than `MODULES` modules, and no more than `TRIED` in all."""
    made, before, thread = 0, 0, get_ident()

    def count(parent: nn.Module, name: str, module: nn.Module | None) -> None:
        nonlocal made, before
        if get_ident() != thread:
            return
        made += 1
        if made - before > MODULES or made > TRIED:
            most = f"{MODULES:,}" if made <= TRIED else f"{TRIED:,} in all networks that are tried for it"
            raise SeesawError(
                f"The network has more modules than one may have that a file describes: {most}. Build it by hand."
            )
        if (
            isinstance(parent, Net) and name == "heads"
        ):  # its stages are whole: what follows is the next network's
            before = made

    hook = register_module_module_registration_hook(count)
    try:
        yield
    finally:
        hook.remove()
