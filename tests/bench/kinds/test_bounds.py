import pytest
import torch
from torch import nn

from bench import Backbone, Exits, Method, Recipe, Sample, SeesawError
from bench.kinds.bounds import MODULES, hold_size
from bench.kinds.task import About
from bench.testing.tiny import AllExits

IMAGE = About(3, Sample((4,)), Recipe(epochs=1))
made = []


class Deep(Backbone):
    """As many layers as it is told, and counts those that were made."""

    depth: int = 2

    def stages(self, sample):
        made.clear()
        stages = []
        for _ in range(self.depth):
            made.append(nn.Sequential(nn.Linear(4, 4)))
            stages.append(made[-1])
        return stages


class Tries(Method):
    """Builds many networks before it takes one."""

    times: int = 2

    def reshape(self, backbone, build):
        for _ in range(self.times):
            build(backbone)
        return backbone


def test_a_deep_network_is_refused_while_it_grows():
    with pytest.raises(SeesawError, match="more modules than one may have that a file describes: 5,000"):
        hold_size(Deep(depth=10**7), Method(), Exits(), IMAGE)
    assert len(made) == MODULES


def test_many_networks_of_a_usual_size_may_be_tried_but_not_any_number():
    hold_size(Deep(depth=3), Tries(times=20), AllExits(), IMAGE)
    with pytest.raises(SeesawError, match="16,384 in all networks that are tried for it"):
        hold_size(Deep(depth=300), Tries(times=60), Exits(), IMAGE)


def test_outside_the_check_nothing_is_counted_and_the_generator_stays():
    before = torch.get_rng_state()
    hold_size(Deep(), Method(), AllExits(), IMAGE)
    assert torch.equal(before, torch.get_rng_state())
    nn.ModuleList(nn.Identity() for _ in range(MODULES + 10))
