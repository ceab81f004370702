"""Backbones of any module: built, resized, refused, and shipped."""

import pytest
import torch
from torch import nn

import bench
from bench import About, Recipe, Sample, SeesawError, assemble, choose
from bench.kinds.build import untrained
from bench.kinds.exits import Exits
from bench.kinds.method import Method

SAMPLE = Sample((3, 16, 16))
ABOUT = About(4, SAMPLE, Recipe(epochs=1))


def network():
    blocks = (nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(inplace=True)) for _ in range(3))
    pool = nn.AdaptiveAvgPool2d(1)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.Sequential(*blocks), pool, nn.Flatten(), nn.Linear(8, 4))


def test_a_module_is_a_backbone_and_stays_as_it_is():
    module, x = network(), torch.randn(2, 3, 16, 16)
    state = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    made = bench.backbone(module, SAMPLE)
    net = assemble(made, ABOUT, choose(Exits, "joint").plugin).eval()
    assert torch.equal(net(x)[-1], module(x))
    assert len(net.exits) == 3
    nn.init.zeros_(net.stages[0].get_parameter("0.weight"))
    assert all(torch.equal(tensor, state[name]) for name, tensor in module.state_dict().items())
    assert all(layer.inplace for layer in module.modules() if isinstance(layer, nn.ReLU))


def test_a_batch_is_no_form_of_a_sample():
    with pytest.raises(SeesawError, match=r"no Tensor. Give bench.Sample\(\(3, 16, 16\)\)"):
        bench.backbone(network(), torch.randn(2, 3, 16, 16))


def test_size_brings_images_to_a_size_as_part_of_the_first_stage():
    made = bench.backbone(network(), SAMPLE, size=32, cuts=1)
    net = assemble(made, ABOUT, choose(Exits, "single").plugin)
    assert len(net.stages) == 2
    assert net.shape(0) == (8, 30, 30)


def test_narrow_says_that_it_cannot():
    with pytest.raises(SeesawError, match="`width` cannot narrow it"):
        untrained(
            bench.backbone(network(), SAMPLE),
            choose(Method, "narrow").plugin,
            choose(Exits, "single").plugin,
            ABOUT,
        )


def test_other_classes_and_texts_are_refused():
    made = bench.backbone(network(), SAMPLE)
    with pytest.raises(SeesawError, match="gives 4 logits, and the task has 5 classes"):
        made.parts(SAMPLE, 5)
    with pytest.raises(SeesawError, match="takes images and no texts"):
        made.parts(Sample((7,), torch.int64, 12), 4)


@pytest.mark.parametrize("method", ["sparse[density=0.5]", "block", "monarch", "filters", "depgraph"])
def test_methods_find_its_layers_and_leave_its_classifier_whole(method):
    _, net = untrained(
        bench.backbone(network(), SAMPLE),
        choose(Method, method).plugin,
        choose(Exits, "single").plugin,
        ABOUT,
    )
    found = bench.maskable(net)
    assert found
    assert not any(name.startswith("heads") for name in found)
    assert isinstance(net.head(net.exits[-1]).get_submodule("4"), nn.Linear)
