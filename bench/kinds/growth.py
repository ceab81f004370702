"""Growth: how large a network may become while it is built, whoever asks for it; a setting is easily a thousand times too large."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from threading import get_ident

from torch import nn
from torch.nn.modules.module import (
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)
from torch.nn.parameter import UninitializedParameter

from bench.errors import SeesawError

MODULES, NUMBERS = 10_000, 1 << 31
"""Limits of a network that is asked for by hand: modules, and numbers in its parameters (8 GiB of float32). Those of a
stranger's are narrower (`bench.kinds.bounds`)."""
_NO_ROOM = re.compile(r"allocat|overflow|memory|failed to unpack|too large", re.IGNORECASE)
"""What PyTorch says of a tensor that no memory could hold."""


@contextmanager
def limited() -> Iterator[None]:
    """Within it this thread builds no network above the limits: it ends at the first module, or parameter, that is too much.

    A parameter is counted before it gets its first values, so that hardly any memory was touched for it.

    Raises:
        SeesawError: it would be larger, or has a tensor that no memory could hold.
    """
    modules, numbers, thread = 0, 0, get_ident()

    def count_module(parent: nn.Module, name: str, module: nn.Module | None) -> None:
        nonlocal modules
        modules += get_ident() == thread
        if modules > MODULES:
            raise SeesawError(
                f"The network would have more than {MODULES:,} modules. Take a smaller depth, or fewer layers."
            )

    def count_numbers(parent: nn.Module, name: str, parameter: nn.Parameter) -> None:
        nonlocal numbers
        if get_ident() != thread or isinstance(parameter, UninitializedParameter):
            return
        numbers += parameter.numel()
        if numbers > NUMBERS:
            raise SeesawError(
                f"The network would have more than {NUMBERS:,} numbers ({numbers:,} so far). Take smaller widths."
            )

    hooks = (
        register_module_module_registration_hook(count_module),
        register_module_parameter_registration_hook(count_numbers),
    )
    try:
        yield
    except (RuntimeError, TypeError, OverflowError, MemoryError) as error:
        if isinstance(error, MemoryError) or _NO_ROOM.search(str(error)):
            raise SeesawError(
                f"A layer of the network is larger than the memory ({str(error).splitlines()[0][:200]}). Take smaller widths."
            ) from error
        raise
    finally:
        for hook in hooks:
            hook.remove()
