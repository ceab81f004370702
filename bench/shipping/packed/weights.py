"""Weights from files: packed files of runs, and published checkpoints."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from bench.arrays import hold_plain
from bench.errors import SeesawError, counted
from bench.network.net import Net
from bench.network.sparse.mask import hide, layers, masked
from bench.shipping.packed.unpack import unpack


@dataclass(frozen=True)
class Loaded:
    """The result of loading weights from a file.

    Attributes:
        matched: how the file's tensors were assigned: `by name` or `by order`.
        masks: of the layers that were sparse in the file, by name.
        left_out: heads that are for other classes in the file, by name, and begin untrained.
    """

    matched: str
    masks: dict[str, Tensor]
    left_out: tuple[str, ...] = ()

    def check(self, net: Net) -> None:
        """Check that an untrained network has the masks of the file; else its weights are not the file's.

        Raises:
            SeesawError: a mask differs.
        """
        own = {name: mask.cpu() for name, _, mask in masked(net)}
        for name in {**own, **self.masks}:
            if name not in own or name not in self.masks or not torch.equal(own[name], self.masks[name]):
                raise SeesawError(
                    f"The method gives {name} another mask than the file of weights has, so these are not its "
                    "weights. Give the seed and the method that made the file, or train."
                )


def load_weights(net: Net, path: Path, *, new_heads: bool = False) -> Loaded:
    """Load weights from a file: by name, or in order where names differ, as in published checkpoints.

    In order, the last part of each name (`weight`, `running_mean`, ...) must be equal too. A safetensors file
    keeps no order, so its names must be those of this network; a run's packed file has them, and its masks.

    Args:
        net: takes the weights.
        path: of the file.
        new_heads: whether a head for another number of classes is left as it is, to be trained.

    Raises:
        SeesawError: no such file, more than plain numbers in it, or names, order or shapes that do not fit.
    """
    tensors, masks = _tensors(path)
    saved = {k: v for k, v in tensors.items() if not k.endswith("num_batches_tracked")}
    own = {k: v for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    by_name = saved.keys() == own.keys()
    absent: tuple[str, ...] = ()
    if not by_name:
        named = _by_own_names(saved, own, new_heads)
        by_name, saved = named is not None, named or _in_order(path, saved, own)
        absent = tuple(dict.fromkeys(_head_of(name) for name in own if name not in saved))
        own = {name: own[name] for name in saved}
    weights = {name for name, _ in net.named_parameters(remove_duplicate=False)}
    saved = {name: _plain(path, name, tensor, own[name], weights) for name, tensor in saved.items()}
    left_out = _other_classes(saved, own)
    if left_out and not new_heads:
        raise SeesawError(
            f"{path} has {' and '.join(left_out)} for another number of classes, and without training it would answer at "
            "random. Train it (epochs=1 or more), or choose the task of the file."
        )
    saved = {name: tensor for name, tensor in saved.items() if _head_of(name) not in left_out}
    masks = {name: mask for name, mask in masks.items() if _head_of(name) not in left_out}
    for name, tensor in saved.items():
        if tensor.shape != own[name].shape:
            raise SeesawError(
                f"{path} has a tensor of shape {tuple(tensor.shape)} where {name} is {tuple(own[name].shape)}. "
                "Choose the backbone's settings to fit the file."
            )
    net.load_state_dict(saved, strict=False)
    own_layers = layers(net)
    for name, mask in masks.items():
        if name not in own_layers:
            raise SeesawError(f"{path} masks {name}, which is no layer here. Give a file of this network.")
        hide(own_layers[name], mask)
    return Loaded("by name" if by_name else "by order", masks, (*absent, *left_out))


def _by_own_names(saved: Tensors, own: Tensors, new_heads: bool) -> Tensors | None:
    """A library's tensors under this network's names, where a captured network keeps the library's behind those of
    its stages and last head; None where they are others.

    What the file has beyond that, such as heads that help in training alone, is left out; with `new_heads` so are
    the early heads here, which no library has.
    """
    theirs = {name: name.split(".", 2)[-1] for name in own}
    last = max((int(name.split(".")[1]) for name in own if name.startswith("heads.")), default=-1)
    early = {name for name in own if name.startswith("heads.") and int(name.split(".")[1]) < last}
    needed = {name: their for name, their in theirs.items() if not (new_heads and name in early)}
    if not needed or not all(name in saved for name in needed.values()):
        return None
    return {name: saved[their] for name, their in needed.items()}


def _in_order(path: Path, saved: Tensors, own: Tensors) -> Tensors:
    """A file's tensors under this network's names, one after the other."""
    if path.suffix.lower() == SAFETENSORS:
        raise SeesawError(
            f"{path} names its tensors otherwise ({next(iter(saved), 'none')}, here {next(iter(own))}), and a "
            "safetensors file keeps no order to go by. Give the PyTorch file, or rename its tensors."
        )
    if len(saved) != len(own):
        raise SeesawError(
            f"{path} holds {counted(len(saved), 'tensor')} and the network has {len(own)}. Choose the backbone's settings "
            "to fit the file; heads of early exits are usually not in it: EXITS=single."
        )
    for here, there in zip(own, saved, strict=True):
        if here.rpartition(".")[2] != there.rpartition(".")[2]:
            raise SeesawError(
                f"{path} has {there} where this network has {here}: their order differs. Rename the file's "
                "tensors to this network's names."
            )
    return dict(zip(own, saved.values(), strict=True))


def _plain(path: Path, name: str, tensor: Tensor, own: Tensor, weights: Collection[str]) -> Tensor:
    """A tensor as plain numbers: a sparse one laid out in full.

    Raises:
        SeesawError: complex, quantised or whole numbers for a weight, no numbers, or ones that are infinite or NaN.
    """
    if tensor.is_nested:
        raise SeesawError(f"{path} has a nested tensor for {name}. Save it with plain float32 tensors.")
    kind = str(tensor.dtype).removeprefix("torch.")
    if tensor.is_meta or tensor.is_quantized or (own.is_floating_point() and not tensor.is_floating_point()):
        raise SeesawError(
            f"{path} has {'nothing but shapes' if tensor.is_meta else kind} for {name}, which takes real numbers. Save it with "
            "plain float32 tensors."
        )
    if tensor.layout != torch.strided:
        if tensor.numel() > max(own.numel(), MOST_SPARSE):
            raise SeesawError(
                f"{path} has a sparse tensor of shape {tuple(tensor.shape)} where {name} is {tuple(own.shape)}. Choose the "
                "backbone's settings to fit the file."
            )
        tensor = tensor.to_dense()
    if own.is_floating_point():
        numbers = tensor.to(own.dtype)
        # an infinite number is no weight; buffers may have one, such as a mask over places
        if not bool((~numbers.isnan() if name not in weights else numbers.isfinite()).all()):
            raise SeesawError(
                f"{path} has infinite or NaN numbers for {name}, as where a training diverged. Give a file of sound weights."
            )
    return tensor


def _head_of(name: str) -> str:
    """The head that a tensor or a layer lies in, `heads.2`; of others their name."""
    return ".".join(name.split(".")[:2]) if name.startswith("heads.") else name


def _other_classes(saved: Tensors, own: Tensors) -> tuple[str, ...]:
    """The heads whose tensors differ from the network's in the number of outputs alone."""
    others = [name for name in own if saved[name].shape != own[name].shape]
    heads = {_head_of(name): name for name in others if name.startswith("heads.")}
    alike = {
        head
        for head in heads
        if all(
            saved[name].shape[1:] == own[name].shape[1:] and saved[name].dim() == own[name].dim() > 0
            for name in others
            if _head_of(name) == head
        )
    }
    return tuple(head for head in heads if head in alike)


MOST_SPARSE = 1 << 28
"""Numbers that a sparse tensor of another shape than the network's may have when it is laid out in full."""
SAFETENSORS = ".safetensors"
Tensors = dict[str, Tensor]


def _tensors(path: Path) -> tuple[Tensors, Tensors]:
    """The tensors and masks of a safetensors file, or of a PyTorch file opened without running anything in it."""
    try:
        hold_plain(path)
        if path.suffix.lower() == SAFETENSORS:
            with safe_open(path, "pt") as file:
                packed = "packed" in (file.metadata() or {})
            return unpack(path.read_bytes()) if packed else (load_file(path), {})
        if not path.stat().st_size:
            raise ValueError("it is empty")
        content: Any = torch.load(path, "cpu", weights_only=True)
        content = content.get("state_dict", content) if isinstance(content, dict) else content
        if not isinstance(content, dict) or not content:
            raise ValueError("it holds no tensors by name")
        if not all(isinstance(value, Tensor) for value in content.values()):
            raise ValueError("it holds more than tensors")
        if not all(isinstance(name, str) for name in content):
            raise ValueError("its tensors have numbers for names")
    except Exception as error:  # damaged pickles raise almost anything; weights_only runs none of them
        raise SeesawError(
            f"{path} cannot be read as weights ({_reason(error)}). Give a safetensors file or a state dict: "
            "torch.save(net.state_dict(), path)."
        ) from error
    return content, {}


def _reason(error: Exception) -> str:
    """Why a file is not read, in a few words: PyTorch's own are for who calls it, and advise to run what is in the file."""
    if isinstance(error, UnpicklingError):
        foreign = re.search(r"GLOBAL ([\w.]+)", str(error))
        return (
            f"beside tensors it holds {foreign[1]}, and code in a file is never run"
            if foreign
            else "no pickle of tensors"
        )
    if isinstance(error, (ValueError, SeesawError, OSError, SafetensorError)):
        return next(iter(str(error).splitlines()), type(error).__name__)
    return "it is damaged, or no file of PyTorch"
