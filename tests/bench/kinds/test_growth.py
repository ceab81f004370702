"""Networks that grow too large are refused before they take the memory."""

import resource

import pytest
import torch
from torch import nn

from bench import Backbone, Exits, Method, Recipe, Sample, SeesawError
from bench.kinds.build import untrained
from bench.kinds.growth import MODULES, NUMBERS, limited
from bench.kinds.task import About
from bench.plugins.plugin import choose

IMAGES = About(10, Sample((1, 8, 8)), Recipe(epochs=1))


def build(spec):
    return untrained(
        choose(Backbone, spec).plugin, choose(Method, "dense").plugin, choose(Exits, "joint").plugin, IMAGES
    )


@pytest.mark.parametrize(
    "spec",
    [
        "mobilenet[width=1000]", "mlp[widths=100000000]", "vgg[width=1e9]", "vgg[width=64]", "lenet[width=1e6]",
        "branchy-lenet[width=1e12]", "mlp[widths=10000000000000000000000]", "resnet[width=1e300]",
    ],
)  # fmt: skip
def test_settings_that_make_a_network_too_large_are_a_sentence_before_memory_is_taken(spec):
    build("mlp")  # what is imported for it is
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(
        SeesawError, match=r"(would have more than|is larger than the memory).*Take smaller widths\.$"
    ):
        build(spec)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 19  # KiB


def test_a_resnet_has_a_depth_of_two_thousand_layers_at_most():
    with pytest.raises(SeesawError, match="less than or equal to 2000"):
        build("resnet[depth=60002]")


def test_a_network_of_many_modules_is_refused_while_it_grows():
    made = []

    def grow():
        while True:
            made.append(nn.Sequential(nn.Identity()))

    with pytest.raises(SeesawError, match=r"more than 10,000 modules\. Take a smaller depth"), limited():
        grow()
    assert len(made) == MODULES


def test_numbers_are_counted_as_parameters_are_registered():
    with torch.device("meta"), limited():
        nn.Linear(1, NUMBERS // 2)
    with torch.device("meta"), pytest.raises(SeesawError, match="2,147,483,648 numbers"), limited():
        nn.ModuleList(nn.Linear(1, NUMBERS // 2, bias=False) for _ in range(3))
    nn.ModuleList(nn.Identity() for _ in range(MODULES + 10))  # outside nothing is counted


def test_other_faults_of_a_backbone_stay_what_they_are():
    with pytest.raises(RuntimeError, match="a fault of its own"), limited():
        raise RuntimeError("a fault of its own")


def test_a_networks_first_weights_are_those_of_its_seed_whether_it_was_looked_at_or_not():
    weights = [build("mlp[widths=2000]")[1].state_dict() for _ in range(2)]
    assert all(torch.equal(one, weights[1][name]) for name, one in weights[0].items())
    assert {one.device.type for one in weights[0].values()} == {"cpu"}
