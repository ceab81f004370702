"""Passes: a network, or the parts at its cuts, run over many samples, with the same answers each time on one machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from bench.execution.backends import BLOCKS
from bench.execution.chain.chain import chain_of
from bench.execution.program.forms import Form, forms_of
from bench.execution.program.layout import Room
from bench.execution.program.program import Affine
from bench.execution.unsupported import Unsupported
from bench.network.layout import FAST, laid, takes
from bench.network.net import Net, Part
from bench.network.sparse.mask import density, layers

SPARSE = 0.5
"""Below this density a part runs as a chain, where it can."""
MANY = 1000
"""So many samples pay for making chains."""

Runnable = Callable[[Tensor], Sequence[Tensor]]


class Passes:
    """The parts of a network: as chains where few weights exist, else by PyTorch's kernels, in the layout that suits them.

    Which way a part runs, and in which forms, hangs on no clock: the answers come out alike, to the bit, when they are
    computed again on the same machine.

    Args:
        net: in eval mode, on `device`.
        device: where the network computes.
        samples: how many will pass.
    """

    def __init__(self, net: Net, device: torch.device, samples: int) -> None:
        self.net, self.device, self.runs = net, device, dict[tuple[int, int, torch.Size], Runnable]()
        sizes = {name: layer.get_parameter("weight").numel() for name, layer in layers(net).items()}
        existing = sum(density(layer) * sizes[name] for name, layer in layers(net).items())
        few_weights = existing < SPARSE * sum(sizes.values())
        self.chains = device.type == "cpu" and few_weights and samples >= MANY
        self.grouped = any(isinstance(one, nn.Conv2d) and one.groups > 1 for one in net.modules())

    def logits(self, x: Tensor, k: int = 0) -> Tensor:
        """The logits of the exits behind cut k from the tensor x that arrived there, (exits, N, classes), on the CPU."""
        return torch.stack([one.float().cpu() for one in self._pass(k, len(self.net.stages), x)[1:]])

    def features(self, x: Tensor) -> list[Tensor]:
        """The tensor that crosses each cut before the last stage, from the inputs x on."""
        features = [x.to(self.device)]
        for k in range(len(self.net.stages) - 1):
            features.append(self._pass(k, k + 1, features[-1])[0])
        return features

    def _pass(self, start: int, stop: int, x: Tensor) -> Sequence[Tensor]:
        """The output of the stages from `start` to before `stop`, and the logits of their exits."""
        x = x.to(self.device)
        key = (start, stop, x.shape[1:])
        if key not in self.runs:
            self.runs[key] = self._run(Part(self.net, start, stop), x)
        with torch.no_grad():
            return self.runs[key](x)

    def _run(self, part: Part, x: Tensor) -> Runnable:
        if self.chains and x.dtype == torch.float32:
            try:
                return chain_of(part, part.run, torch.zeros_like(x[:1]), BLOCKS[0], _likely_best)
            except Unsupported:
                pass
        if self.grouped and self.device.type == "cpu" and takes(part.run, x[:2]):
            return lambda x: part.run(laid(x, FAST))
        return part.run


def _likely_best(layer: Affine, room: Room) -> Form:
    """The form of a layer that is fastest on most machines."""
    return forms_of(layer)[0]
