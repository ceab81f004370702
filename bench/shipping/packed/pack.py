"""Packing: a network's weights as the bytes to ship.

Every format is a safetensors file. Tensors without a mask stand in it as they are; a masked weight stands as
its values in row order, and each format has its own index of their places. Kernels that a mask keeps or
hides whole are indexed by pairs of channels. A tensor that a network has under several names is written once.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import torch
from safetensors.torch import save
from torch import Tensor, nn

from bench.errors import SeesawError
from bench.network.sparse.mask import MASK, Layer, hide, layers, mask_of, masked, pattern_of, reveal, sharing
from bench.network.sparse.values import ValueType, narrow, widen
from bench.shipping.packed.formats import FORMATS, Tensors
from bench.shipping.packed.unpack import SCALE, foreign, layer_of, metadata, unpack, weight_of


def inference_state(module: nn.Module) -> Tensors:
    """The state for inference: parameters and buffers, without masks and step counters, on the CPU."""
    return {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in module.state_dict().items()
        if not name.endswith((MASK, "num_batches_tracked"))
    }


FORMS = ("dense", *FORMATS, "mixed")


Written = dict[tuple[str | int, ...], tuple[dict[str, object], Tensors] | None]
"""By format and the layers that share a mask: the header's entry of the mask, and its index; None where it does not apply."""


def pack(
    module: nn.Module, form: str, values: ValueType = "float32", known: Written | None = None
) -> bytes | None:
    """A network or a part of one as the bytes of a safetensors file.

    Args:
        module: the network or part.
        form: `dense`, `bitmap`, `indexed`, `delta`, `cyclic`, `periodic` or `pattern`; or `mixed`, for every layer
            the one of these that makes it smallest.
        values: type of the numbers of layers' weights; biases and normalisation stay as they are.
        known: the indexes of masks found before, in this format and others, of parts that share layers with this one; those
            found now are added.

    Returns:
        The file, or None where the format does not apply to every masked layer (a mask that no pattern makes again,
        that is no diagonals, that does not repeat).

    Raises:
        SeesawError: numbers that are no float32, that are not finite, or beyond the range of these values.
    """
    same = _shared(module)
    tensors = {name: tensor for name, tensor in inference_state(module).items() if name not in same}
    for weight in map(weight_of, layers(module)):
        if weight in tensors:
            tensors |= _narrowed(weight, tensors[weight], values)
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise SeesawError(
                f"{name.removesuffix(SCALE)} has numbers that are not finite, or too large for {values}. "
                "Train again with a smaller learning rate, or pack as float32."
            )
    about: dict[str, dict[str, object]] = {}
    if form != "dense":
        groups = sharing(module)
        for name, layer, own in masked(module):
            place = weight_of(name)
            if place in same:
                about[name] = {"same": layer_of(same[place])}
                continue
            mask = mask_of(*groups[name])
            weight, mask = tensors.pop(place), (own if mask is None else mask).cpu()
            written = _index(mask, form, pattern_of(layer), {} if known is None else known, groups[name])
            if written is None:
                return None
            about[name], index = written
            tensors[f"{place}.values"] = weight[mask]
            tensors |= {f"{place}.{key}": tensor for key, tensor in index.items()}
    head = json.dumps({"masked": about} | ({"shared": same} if same else {}), separators=(",", ":"))
    return save(tensors, {"packed": head})  # one key: safetensors writes several in any order


def _shared(module: nn.Module) -> dict[str, str]:
    """The tensors of a network that stand in it under another name too, and that name: a masked layer's weight, if any."""
    state, first = module.state_dict(), [name for name, _, _ in masked(module)]
    names = dict.fromkeys([*map(weight_of, first), *map(weight_of, layers(module)), *inference_state(module)])
    places: dict[tuple[object, ...], str] = {}
    same = {}
    for name in names:
        tensor = state[name]
        if tensor.numel():
            key = tensor.device, tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride()
            if (other := places.setdefault(key, name)) != name:
                same[name] = other
    return same


def _index(
    mask: Tensor, form: str, pattern: str | None, known: Written, sharers: Sequence[Layer]
) -> tuple[dict[str, object], Tensors] | None:
    """The header's entry of a mask, and the mask's index; None where the format does not apply."""
    key = (form, *map(id, sharers))
    if key in known:
        return known[key]
    if form == "mixed":
        found = [_index(mask, each, pattern, known, sharers) for each in FORMATS]
        known[key] = min(
            (pair for pair in found if pair is not None),
            key=lambda pair: sum(tensor.nbytes for tensor in pair[1].values()),
        )
    else:
        known[key] = _write(mask, form, pattern)
    return known[key]


def _write(mask: Tensor, form: str, pattern: str | None) -> tuple[dict[str, object], Tensors] | None:
    """As `_index`, for one format."""
    whole = mask.flatten(2).all(2) if mask.dim() > 2 else mask
    by_pair = form != "pattern" and mask.dim() > 2 and bool((mask.flatten(2).any(2) == whole).all())
    index = FORMATS[form].write(whole if by_pair else mask, pattern)
    about: dict[str, object] = {"form": form, "shape": list(mask.shape), "pairs": by_pair}
    return None if index is None else (about | ({"pattern": pattern} if form == "pattern" else {}), index)


def _narrowed(name: str, weight: Tensor, values: ValueType) -> Tensors:
    if weight.dtype != torch.float32:
        raise SeesawError(
            f"{name} is {str(weight.dtype).removeprefix('torch.')}, and packed files begin with float32. Pack net.float()."
        )
    stored, scale = narrow(weight, values)
    return {name: stored} if scale is None else {name: stored, name + SCALE: scale}


def restore(module: nn.Module, data: bytes) -> None:
    """Give a network of the same shape the weights and masks of packed bytes.

    Raises:
        SeesawError: damaged bytes, or another network's.
    """
    own, own_layers = inference_state(module), layers(module)
    tensors, masks = unpack(data, {name: tensor.shape for name, tensor in own.items()})
    wrong = sorted(set(own) ^ set(tensors)) or [
        k for k in own if own[k].shape != tensors[k].shape or own[k].dtype != tensors[k].dtype
    ]
    if wrong := wrong or sorted(set(masks) - set(own_layers)):
        raise foreign(wrong[0])
    module.load_state_dict(tensors, strict=False)
    patterns = {
        name: entry.get("pattern") for name, entry in json.loads(metadata(data)["packed"])["masked"].items()
    }
    for name, layer in own_layers.items():
        if name in masks:
            hide(layer, masks[name], patterns[name] or pattern_of(layer))
        elif (mask := mask_of(layer)) is not None and bool(layer.weight[~mask].any()):
            reveal(layer)  # the file holds weights that this mask would hide


def rounded(module: nn.Module, values: ValueType) -> None:
    """Round every layer's weights to those that are read back when they are written with these values."""
    with torch.no_grad():
        for layer in layers(module).values():
            stored, scale = narrow(layer.weight, values)
            layer.weight.copy_(
                widen(stored, None if scale is None else scale.reshape(-1, *[1] * (stored.dim() - 1)))
            )


def packings(
    module: nn.Module, values: ValueType = "float32", known: Written | None = None
) -> dict[str, bytes]:
    """The network in every format that applies, each read back and found equal.

    Args:
        module: the network or part; its weights are rounded to these values (see `rounded`).
        values: type of the numbers.
        known: the indexes of masks of parts packed before (`pack`), of which this one may have some.

    Raises:
        SeesawError: a format does not give back the same weights.
    """
    packed: dict[str, bytes] = {}
    sparse = any(True for _ in masked(module))
    own, known = inference_state(module), {} if known is None else known
    for form in FORMS if sparse else ("dense",):
        data = pack(module, form, values, known)
        if data is None:
            continue
        tensors, _ = unpack(data)
        if tensors.keys() != own.keys() or any(not torch.equal(own[key], tensors[key]) for key in own):
            raise SeesawError(
                f"The packed format {form} did not give back the same weights. Please report this."
            )
        packed[form] = data
    return packed
