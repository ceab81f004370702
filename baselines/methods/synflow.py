"""SynFlow: before training and without data, remove in many rounds the weights of the least synaptic flow.

Tanaka et al., "Pruning neural networks without any data by iteratively conserving synaptic flow", NeurIPS
2020, algorithm 1: with all parameters replaced by their absolute values and an input of ones, R is the sum of
the outputs and a weight's score |w * dR/dw|; in round k the density is density^(k/rounds). The paper has no
transformers: here every token's vector is ones too, attention is a sum of positive products
(`bench.FlowingAttention`), and normalisation of a sample by itself is left out, as it would hold the flow
constant.
"""

import copy

import torch
from torch import nn

from bench import Count, FlowingAttention, Net, Pruning, Train, hide


class Synflow(Pruning):
    """Iterative synaptic flow at initialisation, data-free; avoids the collapse of layers."""

    rounds: Count = 100
    """of scoring and removing"""

    def prepare(self, net: Net, train: Train) -> None:
        twin = copy.deepcopy(net).double().eval()  # products over many layers leave float32's range
        for parent in list(twin.modules()):
            for place, module in parent.named_children():
                if isinstance(module, nn.Hardtanh):  # as ReLU6 is: above its bound nothing would flow
                    setattr(parent, place, nn.ReLU())
                elif isinstance(module, nn.LayerNorm | nn.RMSNorm):
                    setattr(parent, place, nn.Identity())
                elif isinstance(module, nn.Embedding):
                    nn.init.ones_(module.weight)
        with torch.no_grad():
            for tensor in twin.state_dict().values():
                if tensor.is_floating_point():  # and not a mask, which loaded weights may bring
                    tensor.abs_()
        layers = list(self.sparse(twin, train.cut).values())
        ones = net.sample.blank(device=train.device)
        if ones.is_floating_point():
            ones = torch.ones_like(ones, dtype=torch.double)
        masks = [torch.ones_like(layer.weight, dtype=torch.bool) for layer in layers]
        for number in range(1, self.rounds + 1):
            with FlowingAttention():
                flow = torch.stack([logits.sum() for logits in twin(ones)]).sum()
            gradients = torch.autograd.grad(flow, [layer.weight for layer in layers])
            scores = [
                (gradient * layer.weight).detach().abs().masked_fill(~mask, -1.0)
                for gradient, layer, mask in zip(gradients, layers, masks, strict=True)
            ]
            masks = self.best(scores, self.density ** (number / self.rounds))
            with torch.no_grad():
                for layer, mask in zip(layers, masks, strict=True):
                    layer.weight.mul_(mask)
        for layer, mask in zip(self.sparse(net, train.cut).values(), masks, strict=True):
            hide(layer, mask)
