"""Weights from files: packed files of runs, and published checkpoints."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from bench.errors import SeesawError
from bench.network.net import Net
from bench.network.sparse.mask import hide, layers, masked
from bench.shipping.packed.unpack import unpack


@dataclass(frozen=True)
class Loaded:
    """The result of loading weights from a file.

    Attributes:
        matched: how the file's tensors were assigned: `by name` or `by order`.
        masks: of the layers that were sparse in the file, by name.
    """

    matched: str
    masks: dict[str, torch.Tensor]

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


def load_weights(net: Net, path: Path) -> Loaded:
    """Load weights from a file: by name, or in order where names differ, as in published checkpoints.

    In order, the last part of each name (`weight`, `running_mean`, ...) must be equal too. A safetensors file
    keeps no order, so its names must be those of this network; a run's packed file has them, and its masks.

    Raises:
        SeesawError: no such file, more than plain tensors in it, or names, order or shapes that do not fit.
    """
    tensors, masks = _tensors(path)
    saved = {k: v for k, v in tensors.items() if not k.endswith("num_batches_tracked")}
    own = {k: v for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    by_name = saved.keys() == own.keys()
    if not by_name:
        if path.suffix == ".safetensors":
            raise SeesawError(
                f"{path} names its tensors otherwise ({next(iter(saved), 'none')}, here {next(iter(own))}), and a "
                "safetensors file keeps no order to go by. Give the PyTorch file, or rename its tensors."
            )
        if len(saved) != len(own):
            raise SeesawError(
                f"{path} holds {len(saved)} tensors and the network has {len(own)}. Choose the backbone's settings "
                "to fit the file; heads of early exits are usually not in it: EXITS=single."
            )
        for here, there in zip(own, saved, strict=True):
            if here.rpartition(".")[2] != there.rpartition(".")[2]:
                raise SeesawError(
                    f"{path} has {there} where this network has {here}: their order differs. Rename the file's "
                    "tensors to this network's names."
                )
        saved = dict(zip(own, saved.values(), strict=True))
    for name, tensor in own.items():
        if saved[name].shape != tensor.shape:
            raise SeesawError(
                f"{path} has a tensor of shape {tuple(saved[name].shape)} where {name} is {tuple(tensor.shape)}. "
                "Choose the backbone's settings to fit the file."
            )
    net.load_state_dict(saved, strict=False)
    own_layers = layers(net)
    for name, mask in masks.items():
        if name not in own_layers:
            raise SeesawError(f"{path} masks {name}, which is no layer here. Give a file of this network.")
        hide(own_layers[name], mask)
    return Loaded("by name" if by_name else "by order", masks)


Tensors = dict[str, torch.Tensor]


def _tensors(path: Path) -> tuple[Tensors, Tensors]:
    """The tensors and masks of a safetensors file, or of a PyTorch file opened without running anything in it."""
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            tensors = load_file(path)
            packed = any(name.endswith(".weight.values") for name in tensors)
            return unpack(path.read_bytes()) if packed else (tensors, {})
        content: Any = torch.load(path, "cpu", weights_only=True)
        content = content.get("state_dict", content)
        if not all(isinstance(value, torch.Tensor) for value in content.values()):
            raise ValueError("it holds more than tensors")
    except Exception as error:  # damaged pickles raise almost anything; weights_only runs none of them
        raise SeesawError(
            f"{path} cannot be read as weights ({str(error).splitlines()[0]}). Give a safetensors file or a state dict."
        ) from error
    return content, {}
