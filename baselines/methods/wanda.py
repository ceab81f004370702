"""Wanda: after training, each output keeps the weights with the largest |weight| x norm of their input.

Sun et al., "A Simple and Effective Pruning Approach for Large Language Models", ICLR 2024. One shot, no
fine-tuning; comparing within an output gives every output the same fan-in. In a convolution the input is a
channel at a tap.

It is made for large trained transformers at half of their weights, which one shot costs little. Small networks at a quarter and
less need training after the cut: lenet on Fashion-MNIST keeps 83%, 60% and 41% of right answers at 25, 12.5 and 6.25%, where
`pruned`, which goes on training, keeps 90%, 90% and 89%. Its rows on the boards show where it does not apply.
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
        x = train.batch(self.samples)[0]
        net.eval()
        # from the input on: later layers read outputs of pruned ones
        for layer in self.sparse(net, train.cut).values():
            rows = (layer.weight.detach().abs() * input_norms(layer, layer_input(net, layer, x))).flatten(1)
            best = rows.topk(max(1, round(self.density * rows.shape[1])), dim=1).indices
            mask = torch.zeros_like(rows, dtype=torch.bool).scatter_(1, best, True)
            hide(layer, mask.reshape(layer.weight.shape))


def layer_input(net: Net, layer: Layer, x: Tensor) -> Tensor:
    """The input of a layer when the network reads x."""
    tensors: list[Tensor] = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        tensors.append(inputs[0])

    handle = layer.register_forward_pre_hook(note)
    with torch.no_grad():
        net(x)
    handle.remove()
    return tensors[0]


def input_norms(layer: Layer, x: Tensor) -> Tensor:
    """The L2 norm of each weight's inputs, over samples and places; of the shape of one output's weights."""
    if isinstance(layer, nn.Conv2d):
        patches = F.unfold(_padded(layer, x), layer.kernel_size, layer.dilation, 0, layer.stride)
        return patches.movedim(1, 0).flatten(1).norm(dim=1).reshape(layer.weight.shape[1:])
    if not isinstance(layer, nn.Linear):
        raise SeesawError(
            f"wanda knows linear layers and 2-D convolutions, not {type(layer).__name__}. Choose another."
        )
    return x.reshape(-1, x.shape[-1]).norm(dim=0).reshape(layer.weight.shape[1:])


def _padded(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """The input with the padding that the layer gives it."""
    if layer.padding == "same":  # where it cannot be even, there is one more on the right
        each = [
            dilation * (size - 1) for dilation, size in zip(layer.dilation, layer.kernel_size, strict=True)
        ]
        sides = [side for total in reversed(each) for side in (total // 2, total - total // 2)]
    elif layer.padding == "valid":
        sides = [0] * 4
    else:
        sides = [side for side in reversed(tuple(map(int, layer.padding))) for _ in range(2)]
    return F.pad(x, sides, "constant" if layer.padding_mode == "zeros" else layer.padding_mode)
