"""Unsupported: the error for what no chain can run."""

from __future__ import annotations

from bench.errors import SeesawError


class Unsupported(SeesawError):
    """No chain can run this network here; PyTorch's kernels then do."""

    action: str = "is nothing that a step does"
    """what the network does, such as "does sort" """
    layer: str = ""
    """the name of the module in which it stands, where that is known"""


FAILURES = (ValueError, LookupError, TypeError, AttributeError, AssertionError, RuntimeError)
"""What a network that no step was made for may raise while its steps are made."""


def refused(action: str, layer: str = "") -> Unsupported:
    """The error for an action, such as "does sort", that no step takes, of a layer where that is known."""
    error = Unsupported(f"No native step {action}, so PyTorch's kernels run this network.")
    error.action, error.layer = action, layer
    return error
