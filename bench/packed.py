"""Packed formats: a network's weights as the bytes that one would ship.

Every format is a safetensors file. Tensors without a mask stand in it as they are; a masked weight stands as
its values in row order, and each format has its own way to say where they belong. Kernels that a mask keeps or
hides whole are indexed by pairs of channels.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from bench.errors import SeesawError
from bench.predefined import mask_from
from bench.sparse import degree
from bench.sparse.mask import MASK, hide, layers, masked, pattern_of
from bench.sparse.values import Kind, narrow, widen

Tensors = dict[str, Tensor]
SCALE = "@scale"  # no module is called so
SKIP = 255
MAX_WEIGHTS = 1 << 28
"""In one file; one that claims more is refused before anything is allocated for it."""


def inference_state(module: nn.Module) -> Tensors:
    """What inference needs: parameters and buffers, without masks and step counters, on the CPU."""
    return {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in module.state_dict().items()
        if not name.endswith((MASK, "num_batches_tracked"))
    }


@dataclass(frozen=True)
class Format:
    """How a mask is written (as tensors, or None where the format does not apply) and read back."""

    write: Callable[[Tensor, str | None], Tensors | None]
    read: Callable[[Mapping[str, Tensor], torch.Size, str | None], Tensor]


def _write_bitmap(mask: Tensor, pattern: str | None) -> Tensors:
    return {"bits": torch.from_numpy(np.packbits(mask.numpy().reshape(-1)))}


def _read_bitmap(tensors: Mapping[str, Tensor], shape: torch.Size, pattern: str | None) -> Tensor:
    bits = tensors["bits"].numpy()
    if bits.dtype != np.uint8 or len(bits) != -(-math.prod(shape) // 8):
        raise ValueError("the bitmap's length is wrong")
    return torch.from_numpy(np.unpackbits(bits, count=math.prod(shape)).astype(bool)).reshape(shape)


def _write_indexed(mask: Tensor, pattern: str | None) -> Tensors:
    rows = mask.reshape(len(mask), -1)
    counts = rows.sum(1)
    if bool((counts == counts[0]).all()):
        counts = counts[:1]
    return {"counts": _narrow(counts), "columns": _narrow(rows.nonzero()[:, 1])}


def _read_indexed(tensors: Mapping[str, Tensor], shape: torch.Size, pattern: str | None) -> Tensor:
    counts, columns = tensors["counts"].long(), tensors["columns"].long()
    counts = counts.expand(shape[0]) if len(counts) == 1 else counts
    width = math.prod(shape[1:])
    if len(counts) != shape[0] or counts.sum() != len(columns) or bool((columns >= width).any()):
        raise ValueError("the indices do not fit the shape")
    mask = torch.zeros(shape[0], width, dtype=torch.bool)
    mask[torch.arange(shape[0]).repeat_interleave(counts), columns] = True
    return mask.reshape(shape)


def _write_delta(mask: Tensor, pattern: str | None) -> Tensors:
    """Gaps between neighbours in row order, a byte each; 255 stands for 255 places without a weight."""
    places = mask.reshape(-1).nonzero()[:, 0].numpy()
    gaps = np.diff(places, prepend=-1) - 1
    skips = gaps // SKIP
    told = np.full(len(gaps) + int(skips.sum()), SKIP, dtype=np.uint8)
    told[np.arange(len(gaps)) + np.cumsum(skips)] = gaps % SKIP
    return {"gaps": torch.from_numpy(told)}


def _read_delta(tensors: Mapping[str, Tensor], shape: torch.Size, pattern: str | None) -> Tensor:
    gaps = tensors["gaps"].numpy()
    if gaps.dtype != np.uint8 or gaps.ndim != 1:
        raise ValueError("the gaps are no bytes")
    ends = np.cumsum(np.where(gaps == SKIP, SKIP, gaps.astype(np.int64) + 1))
    mask = torch.zeros(math.prod(shape), dtype=torch.bool)
    if len(ends) and ends[-1] > len(mask):
        raise ValueError("the gaps lead out of the shape")
    mask[torch.from_numpy(ends[gaps != SKIP] - 1)] = True
    return mask.reshape(shape)


def _write_cyclic(mask: Tensor, pattern: str | None) -> Tensors | None:
    """Where diagonals begin: one number for each of them."""
    offsets = degree.offsets_of(mask.numpy()) if mask.dim() == 2 else None
    return None if offsets is None else {"offsets": _narrow(torch.from_numpy(offsets))}


def _read_cyclic(tensors: Mapping[str, Tensor], shape: torch.Size, pattern: str | None) -> Tensor:
    offsets = tensors["offsets"].long().numpy()
    if len(shape) != 2 or offsets.ndim != 1:
        raise ValueError("diagonals need two sides")
    return torch.from_numpy(degree.cyclic_mask(shape[1], shape[0], offsets))


def _write_periodic(mask: Tensor, pattern: str | None) -> Tensors | None:
    """One period of a mask that repeats, as bits."""
    down, across = degree.period_of(mask.numpy())
    if (down, across) == tuple(mask.shape[:2]):
        return None
    one = mask[:down, :across]
    return {"period": torch.tensor([down, across], dtype=torch.int32)} | _write_bitmap(one, None)


def _read_periodic(tensors: Mapping[str, Tensor], shape: torch.Size, pattern: str | None) -> Tensor:
    down, across = (int(n) for n in tensors["period"])
    if min(down, across) < 1 or shape[0] % down or shape[1] % across:
        raise ValueError(f"a period of {down} x {across} does not fit the shape")
    one = _read_bitmap(tensors, torch.Size([down, across, *shape[2:]]), None)
    return one.repeat(shape[0] // down, shape[1] // across, *[1] * (len(shape) - 2))


def _write_pattern(mask: Tensor, pattern: str | None) -> Tensors | None:
    return {} if pattern is not None and torch.equal(mask_from(pattern, mask.shape), mask) else None


def _read_pattern(tensors: Mapping[str, Tensor], shape: torch.Size, pattern: str | None) -> Tensor:
    if pattern is None:
        raise ValueError("the pattern is missing")
    return mask_from(pattern, shape)


def _narrow(numbers: Tensor) -> Tensor:
    """The same whole numbers in the narrowest unsigned type."""
    top = int(numbers.max()) if len(numbers) else 0
    return numbers.to(torch.uint8 if top < 1 << 8 else torch.uint16 if top < 1 << 16 else torch.uint32)


FORMATS = {
    "bitmap": Format(_write_bitmap, _read_bitmap),
    "indexed": Format(_write_indexed, _read_indexed),
    "delta": Format(_write_delta, _read_delta),
    "cyclic": Format(_write_cyclic, _read_cyclic),
    "periodic": Format(_write_periodic, _read_periodic),
    "pattern": Format(_write_pattern, _read_pattern),
}
FORMS = ("dense", *FORMATS, "mixed")


def pack(module: nn.Module, form: str, values: Kind = "float32") -> bytes | None:
    """A network or a part of one as the bytes of a safetensors file.

    Args:
        module: the network or part.
        form: `dense`, `bitmap`, `indexed`, `delta`, `cyclic`, `periodic` or `pattern`; or `mixed`, for every layer
            the one of these that makes it smallest.
        values: type of the numbers of layers' weights; biases and normalisation stay as they are.

    Returns:
        The file, or None where the format does not apply to every masked layer (a mask that no pattern makes again,
        that is no diagonals, that does not repeat).
    """
    tensors = inference_state(module)
    for name in layers(module):
        weight = f"{name}.weight".removeprefix(".")  # a module may itself be a layer
        tensors |= _narrowed(weight, tensors[weight], values)
    about: dict[str, dict[str, object]] = {}
    if form != "dense":
        for name, layer, mask in masked(module):
            weight, mask = tensors.pop(f"{name}.weight"), mask.cpu()
            told = _told(mask, form, pattern_of(layer))
            if told is None:
                return None
            about[name], index = told
            tensors[f"{name}.weight.values"] = weight[mask]
            tensors |= {f"{name}.weight.{key}": tensor for key, tensor in index.items()}
    head = json.dumps({"masked": about}, separators=(",", ":"))
    return save(tensors, {"packed": head})  # one key: safetensors writes several in any order


def _told(mask: Tensor, form: str, pattern: str | None) -> tuple[dict[str, object], Tensors] | None:
    """What the header says of a mask, and its index; None where the format does not apply."""
    if form == "mixed":
        able = [told for each in FORMATS if (told := _told(mask, each, pattern)) is not None]
        about, index = min(able, key=lambda told: sum(t.nbytes for t in told[1].values()))
        return about, index
    whole = mask.flatten(2).all(2) if mask.dim() > 2 else mask
    by_pair = form != "pattern" and mask.dim() > 2 and bool((mask.flatten(2).any(2) == whole).all())
    index = FORMATS[form].write(whole if by_pair else mask, pattern)
    about: dict[str, object] = {"form": form, "shape": list(mask.shape), "pairs": by_pair}
    return None if index is None else (about | ({"pattern": pattern} if form == "pattern" else {}), index)


def _narrowed(name: str, weight: Tensor, values: Kind) -> Tensors:
    stored, scale = narrow(weight, values)
    return {name: stored} if scale is None else {name: stored, name + SCALE: scale}


def _scale(tensors: Tensors, name: str, outputs: int) -> Tensor | None:
    """A weight's scales, taken from among the tensors."""
    scale = tensors.pop(name + SCALE, None)
    if scale is not None and (scale.shape != (outputs,) or scale.dtype != torch.float32):
        raise ValueError(f"{name} has scales of shape {tuple(scale.shape)} for {outputs} outputs")
    return scale


def unpack(data: bytes) -> tuple[Tensors, Tensors]:
    """State and masks from packed bytes. Nothing in the bytes is run, and sizes are checked before use.

    Returns:
        Tensors by their names in the network, and masks by the names of their layers.

    Raises:
        SeesawError: cut short, damaged, or with sizes that do not fit each other.
    """
    try:
        tensors = load(data)
        told = json.loads(_metadata(data)["packed"])
        about = told["masked"]
        masks: Tensors = {}
        shapes = {name: _shape(name, entry) for name, entry in about.items()}
        if sum(map(math.prod, shapes.values())) > MAX_WEIGHTS:
            raise ValueError(f"it claims more than {MAX_WEIGHTS:,} weights")
        for name, entry in about.items():
            shape, own = shapes[name], _index(tensors, name)
            mask = FORMATS[entry.get("form") or told["form"]].read(
                own, shape[:2] if entry["pairs"] else shape, entry.get("pattern")
            )
            mask = mask[(...,) + (None,) * (len(shape) - mask.dim())].expand(shape).contiguous()
            values = tensors.pop(f"{name}.weight.values")
            if values.dim() != 1 or len(values) != int(mask.sum()):
                raise ValueError(f"{name} has {len(values)} values for {int(mask.sum())} places")
            scale = _scale(tensors, f"{name}.weight", shape[0])
            rows = None if scale is None else scale.repeat_interleave(mask.flatten(1).sum(1))
            weight = torch.zeros(shape)
            weight[mask] = widen(values, rows)
            tensors[f"{name}.weight"], masks[name] = weight, mask
        for name in [name.removesuffix(SCALE) for name in tensors if name.endswith(SCALE)]:
            stored = tensors[name]
            scale = _scale(tensors, name, len(stored))
            assert scale is not None
            tensors[name] = widen(stored, scale.reshape(-1, *[1] * (stored.dim() - 1)))
        tensors = {name: t.float() if t.dtype == torch.float16 else t for name, t in tensors.items()}
    except (
        SafetensorError, ValueError, KeyError, IndexError, TypeError, AttributeError, RuntimeError,
    ) as error:  # fmt: skip
        raise SeesawError(
            f"This is no whole packed network ({error}). Pack it again, or fetch it again."
        ) from error
    return tensors, masks


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
    """What tells where a layer's values belong, taken from among the tensors: lists of whole numbers from 0 on."""
    keys = ("bits", "counts", "columns", "gaps", "offsets", "period")
    own = {key: tensors.pop(f"{name}.weight.{key}") for key in keys if f"{name}.weight.{key}" in tensors}
    for key, tensor in own.items():
        if tensor.dim() != 1 or tensor.dtype not in (torch.uint8, torch.uint16, torch.uint32, torch.int32):
            raise ValueError(f"{name} has {key} of another kind")
        if tensor.dtype == torch.int32 and bool((tensor < 0).any()):
            raise ValueError(f"{name} has {key} below 0")
    return own


def _metadata(data: bytes) -> dict[str, str]:
    (length,) = struct.unpack_from("<Q", data)
    return json.loads(data[8 : 8 + length])["__metadata__"]


def restore(module: nn.Module, data: bytes) -> None:
    """Give a network of the same shape the weights and masks of packed bytes.

    Raises:
        SeesawError: damaged bytes, or another network's.
    """
    tensors, masks = unpack(data)
    own, own_layers = inference_state(module), layers(module)
    wrong = sorted(set(own) ^ set(tensors)) or [
        k for k in own if own[k].shape != tensors[k].shape or own[k].dtype != tensors[k].dtype
    ]
    if wrong := wrong or sorted(set(masks) - set(own_layers)):
        raise SeesawError(
            f"These packed bytes are another network's: {wrong[0]} does not fit. Build the network they were packed from."
        )
    module.load_state_dict(tensors, strict=False)
    lines = {
        name: entry.get("pattern") for name, entry in json.loads(_metadata(data)["packed"])["masked"].items()
    }
    for name, mask in masks.items():
        hide(own_layers[name], mask, lines[name] or pattern_of(own_layers[name]))


def rounded(module: nn.Module, values: Kind) -> None:
    """Give every layer the weights that are read back when they are written with these values."""
    with torch.no_grad():
        for layer in layers(module).values():
            stored, scale = narrow(layer.weight, values)
            layer.weight.copy_(
                widen(stored, None if scale is None else scale.reshape(-1, *[1] * (stored.dim() - 1)))
            )


def packings(module: nn.Module, values: Kind = "float32") -> dict[str, bytes]:
    """The network in every format that applies, each read back and found equal.

    Args:
        module: the network or part; its weights are such as these values can say (see `rounded`).
        values: type of the numbers.

    Raises:
        SeesawError: a format does not give back what was packed.
    """
    found: dict[str, bytes] = {}
    sparse = any(True for _ in masked(module))
    own = inference_state(module)
    for form in FORMS if sparse else ("dense",):
        data = pack(module, form, values)
        if data is None:
            continue
        tensors, _ = unpack(data)
        if tensors.keys() != own.keys() or any(not torch.equal(own[key], tensors[key]) for key in own):
            raise SeesawError(
                f"The packed format {form} did not give back the same weights. Please report this."
            )
        found[form] = data
    return found
