"""Unpacking: tensors and masks from packed bytes. Nothing in them is run; sizes are checked before use."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from bench.errors import SeesawError
from bench.network.sparse.values import widen
from bench.shipping.packed.formats import FORMATS, Tensors

SCALE = "@scale"  # no module is called so
MAX_WEIGHTS, MAX_EACH = 1 << 28, 1 << 12
"""Limits for a file, and for each of its bytes; one that claims more is refused before any allocation."""


def unpack(data: bytes, expected: Mapping[str, torch.Size] | None = None) -> tuple[Tensors, Tensors]:
    """State and masks from packed bytes. Nothing in the bytes is run, and sizes are checked before use.

    Args:
        data: of a file.
        expected: shapes of the weights of the network that the bytes are for, by name; a masked weight of
            another shape is refused before it is made.

    Returns:
        Tensors by their names in the network, and masks by the names of their layers.

    Raises:
        SeesawError: cut short, damaged, with sizes that do not fit each other, or another network's.
    """
    try:
        tensors = load(data)
        header = json.loads(metadata(data)["packed"])
        about = {name: entry for name, entry in header["masked"].items() if "same" not in entry}
        masks: Tensors = {}
        shapes = {name: _shape(name, entry) for name, entry in about.items()}
        most = min(MAX_WEIGHTS, MAX_EACH * len(data))
        if sum(map(math.prod, shapes.values())) > most:
            raise ValueError(f"it claims more than {most:,} weights")
        for name, shape in shapes.items():
            if expected is not None and expected.get(weight_of(name)) != shape:
                raise foreign(name)
        for name, entry in about.items():
            weight = weight_of(name)
            shape, own = shapes[name], _index(tensors, weight)
            mask = FORMATS[entry.get("form") or header["form"]].read(
                own, shape[:2] if entry["pairs"] else shape, entry.get("pattern")
            )
            mask = mask[(...,) + (None,) * (len(shape) - mask.dim())].expand(shape).contiguous()
            values = tensors.pop(f"{weight}.values")
            if values.dim() != 1 or len(values) != int(mask.sum()):
                raise ValueError(f"{name} has {len(values)} values for {int(mask.sum())} places")
            scale = _scale(tensors, weight, shape[0])
            rows = None if scale is None else scale.repeat_interleave(mask.flatten(1).sum(1))
            tensors[weight], masks[name] = torch.zeros(shape), mask
            tensors[weight][mask] = widen(values, rows)
        for name in [name.removesuffix(SCALE) for name in tensors if name.endswith(SCALE)]:
            stored = tensors[name]
            scale = _scale(tensors, name, len(stored))
            assert scale is not None
            tensors[name] = widen(stored, scale.reshape(-1, *[1] * (stored.dim() - 1)))
        tensors = {name: t.float() if t.dtype == torch.float16 else t for name, t in tensors.items()}
        written = dict(tensors)
        for name, other in header.get("shared", {}).items():
            if name in written:
                raise ValueError(f"{name} stands in it twice")
            tensors[name] = written[other]
        masks |= {name: masks[entry["same"]] for name, entry in header["masked"].items() if "same" in entry}
    except (
        SafetensorError, ValueError, KeyError, IndexError, TypeError, AttributeError, RuntimeError,
    ) as error:  # fmt: skip
        raise SeesawError(
            f"This is no whole packed network ({error}). Pack it again, or fetch it again."
        ) from error
    return tensors, masks


def weight_of(name: str) -> str:
    """The name of a layer's weight; a module that is itself the layer has no name."""
    return f"{name}.weight".removeprefix(".")


def layer_of(weight: str) -> str:
    """The name of the layer that has a weight."""
    return weight.removesuffix("weight").removesuffix(".")


def foreign(name: str) -> SeesawError:
    """The error for a file with something that the network has not, or has in another shape or type."""
    return SeesawError(
        f"These packed bytes are another network's: {name} does not fit. Build the network they were packed from."
    )


def _scale(tensors: Tensors, name: str, outputs: int) -> Tensor | None:
    """A weight's scales, removed from the tensors; None where it has none."""
    scale = tensors.pop(name + SCALE, None)
    if scale is not None and (scale.shape != (outputs,) or scale.dtype != torch.float32):
        raise ValueError(f"{name} has scales of shape {tuple(scale.shape)} for {outputs} outputs")
    return scale


def _shape(name: str, entry: Mapping[str, Any]) -> torch.Size:
    """The shape that a file claims for a masked weight."""
    sizes = entry["shape"]
    if not isinstance(sizes, list) or len(sizes) < 2 or any(type(n) is not int or n < 1 for n in sizes):
        raise ValueError(f"{name} claims the shape {sizes}")
    if not isinstance(entry.get("pattern"), str | None):
        raise ValueError(f"{name} claims a pattern that is no text")
    if math.prod(sizes) > MAX_WEIGHTS:
        raise ValueError(f"{name} claims the shape {tuple(sizes)}")
    return torch.Size(sizes)


def _index(tensors: Tensors, name: str) -> Tensors:
    """The index of a layer's values, removed from the tensors: lists of whole numbers from 0 on."""
    keys = ("bits", "counts", "columns", "gaps", "offsets", "period")
    own = {key: tensors.pop(f"{name}.{key}") for key in keys if f"{name}.{key}" in tensors}
    for key, tensor in own.items():
        if tensor.dim() != 1 or tensor.dtype not in (torch.uint8, torch.uint16, torch.uint32, torch.int32):
            raise ValueError(f"{name} has {key} of another kind")
        if tensor.dtype == torch.int32 and bool((tensor < 0).any()):
            raise ValueError(f"{name} has {key} below 0")
    return own


def metadata(data: bytes) -> dict[str, str]:
    """The metadata in the head of a safetensors file."""
    (length,) = struct.unpack_from("<Q", data)
    return json.loads(data[8 : 8 + length])["__metadata__"]
