"""Weights from files; tests/bench/runs/test_run.py starts whole runs from them."""

import json

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from bench import Net, Sample, SeesawError, hide, pack
from bench.shipping.packed.weights import load_weights


def net_of(*stages, sample=(4,)):
    net = Net(stages, Sample(sample), 2)
    net.hang(len(stages) - 1, nn.Linear(4, 2))
    return net


def test_a_packed_file_brings_its_masks_and_a_network_with_others_is_refused(tmp_path):
    net, twin = net_of(nn.Linear(4, 4)), net_of(nn.Linear(4, 4))
    hide(net.stages[0], torch.eye(4, dtype=torch.bool))
    path = tmp_path / "weights.safetensors"
    path.write_bytes(pack(net, "bitmap"))
    loaded = load_weights(twin, path)
    assert loaded.matched == "by name"
    assert torch.equal(twin.stages[0].weight, net.stages[0].weight)
    assert torch.equal(loaded.masks["stages.0"], torch.eye(4, dtype=torch.bool))
    loaded.check(twin)
    hide(twin.stages[0], torch.eye(4, dtype=torch.bool).flip(0))
    with pytest.raises(SeesawError, match=r"gives stages\.0 another mask"):
        loaded.check(twin)


def test_a_mask_of_something_that_is_no_layer_is_refused(tmp_path):
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(4, 4))

        def forward(self, x):
            return x @ self.weight

    net = net_of(Scaled())
    tensors = {name: tensor for name, tensor in net.state_dict().items() if not name.startswith("stages")}
    tensors |= {
        "stages.0.weight.values": torch.ones(2),
        "stages.0.weight.bits": torch.tensor([3, 0], dtype=torch.uint8),
    }
    masked = {"stages.0": {"shape": [4, 4], "pairs": False, "form": "bitmap"}}
    path = tmp_path / "weights.safetensors"
    save_file(tensors, path, {"packed": json.dumps({"masked": masked})})
    with pytest.raises(SeesawError, match=r"masks stages\.0, which is no layer here"):
        load_weights(net, path)
