"""Checkpoints: the state of training at the end of its last epoch, so that a killed run goes on from there.

A method may train in several calls and do anything between them. So every call has a file of its own, and a
run that goes on repeats all of the method's work but the training: a call that had ended gives back the
network as it was at its end, and the one that was cut short goes on after its last finished epoch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from bench.errors import SeesawError
from bench.files import write_whole
from bench.network.sparse.mask import MASK, hide, layers, pattern_of
from bench.plain import log

Moments = dict[Tensor, dict[str, Any]]
"""An optimiser's state of each parameter: its momentum, or both of Adam's moments and their count."""

_NET, _OPTIMIZER, _RANDOM = "net.", "optimizer.", "random."


@dataclass(frozen=True)
class Checkpoint:
    """One moment of training.

    Attributes:
        step: the next one of the schedule.
        tensors: by name, behind `net.`, `optimizer.` or `random.`.
        patterns: of the masked layers, by name.
        book: the log of training so far, as JSON values.
    """

    step: int
    tensors: dict[str, Tensor]
    patterns: dict[str, str | None]
    book: dict[str, Any]

    @classmethod
    def of(
        cls, net: nn.Module, optimizer: torch.optim.Optimizer | None, step: int, book: dict[str, Any]
    ) -> Checkpoint:
        """Training as it stands; without an optimizer, a network that has been trained."""
        names = {id(parameter): name for name, parameter in net.named_parameters()}
        tensors = {_NET + name: tensor for name, tensor in net.state_dict().items()}
        for parameter, state in ({} if optimizer is None else optimizer.state).items():
            tensors |= {
                f"{_OPTIMIZER}{key}.{names[id(parameter)]}": value
                for key, value in state.items()
                if isinstance(value, Tensor)
            }
        tensors |= {_RANDOM + name: tensor for name, tensor in random_state().items()}
        patterns = {name: pattern_of(layer) for name, layer in layers(net).items()}
        return cls(step, tensors, patterns, book)

    def to_net(self, net: nn.Module) -> None:
        """Give a network its state back: parameters, buffers (also those that a hook had added) and masks.

        Raises:
            SeesawError: the network has other parts.
        """
        state = self._part(_NET)
        own_layers, own = layers(net), net.state_dict()
        masks = {name: state.pop(name) for name in list(state) if name.rpartition(".")[2] == MASK}
        for name, tensor in state.items():
            if name not in own:
                place, _, buffer = name.rpartition(".")
                _module(net, place).register_buffer(buffer, tensor.to(next(net.parameters(), tensor).device))
        try:
            net.load_state_dict(state, strict=False)
            for name, mask in masks.items():
                layer = name.removesuffix(f".{MASK}")
                hide(own_layers[layer], mask, self.patterns.get(layer))
        except (RuntimeError, KeyError) as error:
            raise SeesawError(
                f"The checkpoint is another network's ({str(error).splitlines()[-1].strip()}). {START_ANEW}"
            ) from error

    def moments(self, net: nn.Module) -> Moments:
        """The optimiser's state of a network's parameters, each tensor in the layout of its parameter."""
        named = dict(net.named_parameters())
        moments: Moments = {}
        for name, value in self._part(_OPTIMIZER).items():
            key, _, parameter = name.partition(".")
            if parameter not in named:
                raise SeesawError(f"The checkpoint is another network's (it has {parameter}). {START_ANEW}")
            own = named[parameter]
            if value.shape == own.shape:
                value = torch.empty_like(own, requires_grad=False).copy_(value)
            moments.setdefault(own, {})[key] = value
        return moments

    def random(self) -> dict[str, Tensor]:
        """The random generators' state."""
        return self._part(_RANDOM)

    def _part(self, prefix: str) -> dict[str, Tensor]:
        return {
            name.removeprefix(prefix): tensor
            for name, tensor in self.tensors.items()
            if name.startswith(prefix)
        }


def _module(net: nn.Module, place: str) -> nn.Module:
    try:
        return net.get_submodule(place)
    except AttributeError as error:
        raise SeesawError(f"The checkpoint is another network's (it has {place}). {START_ANEW}") from error


START_ANEW = "Start this run anew: --again."


class Checkpoints:
    """The checkpoints of one run, one file for each call of `train`, in a folder of their own.

    Args:
        folder: made when the first one is written.
        identity: of the run, its versions and threads; only checkpoints of the same one are used.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        self.folder, self.identity = folder, dict(identity)

    def path(self, call: int) -> Path:
        """The file of one call of `train`, counted from 0."""
        return self.folder / f"call{call:04d}.safetensors"

    def write(self, call: int, one: Checkpoint) -> None:
        """Keep a checkpoint in place of the call's last one, whole or not at all."""
        tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in one.tensors.items()}
        about = {
            "identity": self.identity, "call": call, "step": one.step, "patterns": one.patterns, "book": one.book,
        }  # fmt: skip
        write_whole(self.path(call), save(tensors, {"about": json.dumps(about)}), "--runs")

    def read(self, call: int) -> Checkpoint | None:
        """The checkpoint of a call, or None where there is none to go on from. Nothing in the file is run.

        One that is cut short, damaged, or made with other versions or threads is left out with a warning:
        its epochs are trained again.
        """
        path = self.path(call)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            return self._left_out(path, f"cannot be read ({error.strerror})")
        try:
            tensors = load(data)
            length = int.from_bytes(data[:8], "little")
            about = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["about"])
            if about["identity"] != self.identity or about["call"] != call:
                why = _difference(about["identity"], self.identity)
                return self._left_out(path, f"is not this run's checkpoint ({why})")
            return Checkpoint(int(about["step"]), tensors, dict(about["patterns"]), dict(about["book"]))
        except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            return self._left_out(path, f"is no whole checkpoint ({error})")

    def _left_out(self, path: Path, why: str) -> None:
        log.warning("%s %s. It is left out, and what it stood for is trained again.", path, why)

    def clear(self) -> None:
        """Remove all checkpoints."""
        for path in self.folder.glob("call*.safetensors"):
            path.unlink(missing_ok=True)
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()


def _difference(there: object, here: Mapping[str, Any]) -> str:
    """The values in which a checkpoint's identity differs from this run's, in words."""
    if not isinstance(there, dict):
        return "it does not say whose it is"
    keys = [key for key in {**there, **here} if there.get(key) != here.get(key)]
    return ", ".join(f"{key} {there.get(key)}, here {here.get(key)}" for key in keys[:2]) or "another call"


def random_state() -> dict[str, Tensor]:
    """The state of PyTorch's random generators, by device."""
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def set_random_state(state: Mapping[str, Tensor]) -> None:
    """Set PyTorch's random generators back."""
    torch.set_rng_state(state["cpu"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
