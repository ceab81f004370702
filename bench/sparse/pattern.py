"""Masks made again from a line of text, so that a packed file can keep the line instead of indices.

A line is `degree:<fan-out>:<seed>`; the layer's shape supplies the rest.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bench.errors import SeesawError
from bench.sparse.degree import degree_mask


def mask_from(pattern: str, shape: torch.Size | tuple[int, ...]) -> Tensor:
    """The mask that a pattern's line stands for.

    Args:
        pattern: the line.
        shape: of the weight, (N_out, N_in, ...); kernels are kept or hidden whole.

    Returns:
        Boolean, of that shape.

    Raises:
        SeesawError: the line is not understood.
    """
    try:
        name, fan_out, seed = pattern.split(":")
        if name != "degree":
            raise ValueError(name)
        pairs = degree_mask(shape[1], shape[0], int(fan_out), int(seed))
    except (ValueError, IndexError) as error:
        raise SeesawError(
            f"The pattern {pattern!r} is unknown here. Install the version of seesaw-bench that wrote it."
        ) from error
    return over_kernels(torch.from_numpy(pairs), shape)


def over_kernels(pairs: Tensor, shape: torch.Size | tuple[int, ...]) -> Tensor:
    """Spread a mask over pairs of channels, (N_out, N_in), to a weight of this shape."""
    return pairs.reshape(*pairs.shape, *[1] * (len(shape) - 2)).expand(*shape).clone()
