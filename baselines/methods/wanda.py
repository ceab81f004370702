"""Wanda: after training, each output keeps the weights with the largest |weight| x norm of their input.

Sun et al., "A Simple and Effective Pruning Approach for Large Language Models", ICLR 2024. One shot, no fine-tuning;
comparing within an output gives every output the same fan-in. In a convolution the input is a channel at a tap.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench import Count, Density, Layer, Masking, Net, SeesawError, Train, hide


class Wanda(Masking):
    """After training: |weight| x input norm, the largest of each output; no fine-tuning."""

    density: Density = 0.125
    """share of the weights of each output that stay"""
    samples: Count = 256
    """of the train split that inputs are taken from"""

    def finalize(self, net: Net, train: Train) -> None:
        layers = self.sparse(net)
        norms: dict[str, Tensor] = {}

        def note(name: str, layer: Layer):
            def hook(module: nn.Module, taken: tuple[Tensor, ...]) -> None:
                norms[name] = input_norms(layer, taken[0])

            return hook

        handles = [layer.register_forward_pre_hook(note(name, layer)) for name, layer in layers.items()]
        with torch.no_grad():
            net.eval()(train.batch(self.samples)[0])
        for handle in handles:
            handle.remove()
        for name, layer in layers.items():
            rows = (layer.weight.detach().abs() * norms[name]).flatten(1)
            best = rows.topk(max(1, round(self.density * rows.shape[1])), dim=1).indices
            mask = torch.zeros_like(rows, dtype=torch.bool).scatter_(1, best, True)
            hide(layer, mask.reshape(layer.weight.shape))


def input_norms(layer: Layer, x: Tensor) -> Tensor:
    """The L2 norm of what each weight of one output meets, over samples and places; of that output's shape."""
    if isinstance(layer, nn.Conv2d):
        patches = F.unfold(x, layer.kernel_size, layer.dilation, _padding(layer), layer.stride)
        return patches.movedim(1, 0).flatten(1).norm(dim=1).reshape(layer.weight.shape[1:])
    if not isinstance(layer, nn.Linear):
        raise SeesawError(
            f"wanda knows linear layers and 2-D convolutions, not {type(layer).__name__}. Choose another."
        )
    return x.reshape(-1, x.shape[-1]).norm(dim=0).reshape(layer.weight.shape[1:])


def _padding(layer: nn.Conv2d) -> tuple[int, ...]:
    if isinstance(layer.padding, str):
        same = layer.padding == "same"
        return tuple((size - 1) // 2 if same else 0 for size in layer.kernel_size)
    return layer.padding
