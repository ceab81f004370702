"""A network from its plugins, and from a file of weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from bench.backbone import Backbone
from bench.errors import SeesawError
from bench.exits import Exits
from bench.meters.macs import Tariff
from bench.net import Net
from bench.sparse.pack import unpack
from bench.task import Task


def assemble(backbone: Backbone, task: Task, exits: Exits) -> Net:
    """A backbone's stages with the plan's heads hung on them."""
    about = task.about()
    net = Net(backbone.stages(about.sample), about.sample, about.classes)
    shares = Tariff.of(net).shares()
    exits.hang(net, shares, lambda stage: backbone.head(net.shape(stage), about.classes))
    if not net.exits or net.exits[-1] != len(net.stages) - 1:
        raise SeesawError(f"The exits plan {type(exits).__name__} hangs no head on the last stage. It must.")
    return net


def load_weights(net: Net, path: Path) -> None:
    """Start from a file: tensors by their names here, else in their order, as published checkpoints have them.

    A safetensors file keeps no order, so its names must be those of this network; a run's own packed file has
    them.

    Raises:
        SeesawError: no such file, nothing but plain tensors allowed in it, or shapes that do not fit.
    """
    found = {k: v for k, v in _tensors(path).items() if not k.endswith("num_batches_tracked")}
    own = {k: v for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    if found.keys() != own.keys():
        if path.suffix == ".safetensors":
            raise SeesawError(
                f"{path} names its tensors otherwise ({next(iter(found), 'none')}, here {next(iter(own))}), and a "
                "safetensors file keeps no order to go by. Give the PyTorch file, or rename its tensors."
            )
        if len(found) != len(own):
            raise SeesawError(
                f"{path} holds {len(found)} tensors and the network has {len(own)}. Choose the backbone's settings "
                "to fit the file; heads of early exits are usually not in it: EXITS=single."
            )
        found = dict(zip(own, found.values(), strict=True))
    for name, tensor in own.items():
        if found[name].shape != tensor.shape:
            raise SeesawError(
                f"{path} has a tensor of shape {tuple(found[name].shape)} where {name} is {tuple(tensor.shape)}. "
                "Choose the backbone's settings to fit the file."
            )
    net.load_state_dict(found, strict=False)


def _tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file, or of a PyTorch file opened without running anything in it."""
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            tensors = load_file(path)
            return (
                unpack(path.read_bytes())[0]
                if any(k.endswith(".weight.values") for k in tensors)
                else tensors
            )
        content: Any = torch.load(path, "cpu", weights_only=True)
        content = content.get("state_dict", content)
        if not all(isinstance(value, torch.Tensor) for value in content.values()):
            raise ValueError("it holds more than tensors")
    except Exception as error:  # damaged pickles raise almost anything; weights_only runs none of them
        raise SeesawError(
            f"{path} cannot be read as weights ({str(error).splitlines()[0]}). Give a safetensors file or a state dict."
        ) from error
    return content
