"""Programs in whole numbers beside the float32 programs that they come from.

Covers: bench/execution/int8/arena.py
"""

import numpy as np
import pytest
import torch
from torch import nn

from bench import Net, Sample, SeesawError
from bench.shipping.c.program import int_program, part_program
from tests.bench.execution.chain.test_chain import network


def quantised(net, x):
    return int_program(part_program(net.whole()), x)


@pytest.mark.parametrize(
    ("spec", "shape", "method"),
    [
        ("mlp[widths=32:32]", (1, 8, 8), "sparse[nearest=true]"),
        ("lenet", (1, 12, 12), "dense"),
        ("resnet[depth=8,width=0.5]", (3, 16, 16), "shared[nearest=true,outputs=4]"),
    ],
)
def test_answers_are_near_the_networks(spec, shape, method):
    net = network(spec, shape, method)
    x = torch.randn(64, *shape)
    logits, feature = quantised(net, x).run(x.numpy())
    with torch.no_grad():
        theirs = torch.stack(net(x)).numpy()
    assert feature is None
    assert np.abs(logits - theirs).max() < 0.06 * np.abs(theirs).max()
    assert (logits[-1].argmax(1) == theirs[-1].argmax(1)).mean() > 0.85


def test_one_layer_is_the_hand_count():
    layer = nn.Linear(2, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.27, -0.5], [0.0, 0.0]]))
        layer.bias.copy_(torch.tensor([0.1, 0.25]))
    net = Net([nn.Sequential(nn.Flatten(), layer)], Sample((1, 1, 2)), 2)
    net.hang(0, nn.Identity())
    x = np.array([[[[12.7, -3.04]]]], np.float32)
    program = quantised(net.eval(), torch.from_numpy(x))
    # Steps: inputs 0.1, weights 0.01; so levels (127, -30), weights (127, -50), a bias of 0.1 / 0.001.
    logits, _ = program.run(x)
    assert logits[0, 0, 0] == pytest.approx((127 * 127 + 30 * 50 + 100) * 0.001)
    assert logits[0, 0, 1] == pytest.approx(0.25, abs=1e-6)
    beyond, _ = program.run(x * 100)  # saturates: as many levels as there are
    assert beyond[0, 0, 0] == pytest.approx((127 * 127 + 127 * 50 + 100) * 0.001)
    assert np.isfinite(program.run(np.full_like(x, np.nan))[0]).all()


def test_what_has_no_whole_numbers_is_a_sentence():
    net = Net([nn.Flatten(), nn.Linear(4, 4), nn.ReLU()], Sample((1, 2, 2)), 4)
    net.hang(2, nn.Identity())
    with pytest.raises(SeesawError, match="bounds them"):
        quantised(net.eval(), torch.randn(8, 1, 2, 2))
    wide = Net([nn.Flatten(), nn.Linear(70_000, 2)], Sample((1, 1, 70_000)), 2)
    nn.init.ones_(wide.stages[1].weight)
    wide.hang(1, nn.Identity())
    with pytest.raises(SeesawError, match=r"32 bits may not hold.*--values float32"):
        quantised(wide.eval(), torch.randn(2, 1, 1, 70_000))
    with pytest.raises(SeesawError, match="no number on the calibration samples"):
        quantised(network("mlp[widths=17:10]", (1, 8, 8)), torch.full((2, 1, 8, 8), torch.nan))
