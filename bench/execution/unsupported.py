"""Unsupported: the error for what no chain can run."""

from __future__ import annotations

from bench.errors import SeesawError


class Unsupported(SeesawError):
    """No chain can run this network here; PyTorch's kernels then do."""


def refused(action: str) -> Unsupported:
    """The error for an action, such as "does sort", that no step takes."""
    return Unsupported(f"No native step {action}, so PyTorch's kernels run this network.")
