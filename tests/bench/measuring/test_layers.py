"""Networks drawn at random, whose layers are timed."""

from collections import Counter

import pytest
import torch

from bench.kinds.layers import graph_of
from bench.measuring.layers import MOST_MACS, drawn
from bench.network.graph.dag import Dag


@pytest.mark.parametrize("number", range(8))
def test_a_drawn_network_is_followed_and_its_layers_are_small_enough_to_be_timed(number):
    module, sample = drawn(0, number)
    assert module(torch.zeros(1, *sample.shape)).shape == (1, 10)
    graph = graph_of(Dag.of(module, sample), "drawn", sample)
    assert len(graph.operations) > 6
    assert max(one.macs for one in graph.operations) <= 1.1 * MOST_MACS
    again, same = drawn(0, number)
    assert sample == same
    assert graph_of(Dag.of(again, same), "drawn", same).identity == graph.identity


def test_every_kind_of_layer_is_drawn_often_enough_to_be_learnt_apart():
    kinds = Counter(type(layer).__name__ for number in range(24) for layer in drawn(0, number)[0].modules())
    for kind in (
        "Conv2d",
        "BatchNorm2d",
        "ReLU",
        "MaxPool2d",
        "AvgPool2d",
        "Linear",
        "Beside",
        "Hardswish",
        "SiLU",
        "ReLU6",
    ):
        assert kinds[kind] >= 6, kind
