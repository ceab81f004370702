"""A network's graph: MACs and bytes held against other counts, times taken operation by operation."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from bench import Backbone, Placement, Sample, choose
from bench.kinds.layers import graph_of
from bench.measuring.graph import dag_of, with_times
from bench.measuring.profile import Limits
from bench.testing import TinyBackbone


def test_macs_bytes_and_weights_are_those_of_the_network():
    from torchvision import models

    sample = Sample((3, 64, 64))
    dag = dag_of(choose(Backbone, "torchvision[name=resnet18]").plugin, sample, 10)
    graph = graph_of(dag, "resnet18", sample)
    module = models.resnet18(num_classes=10).eval().to("meta")
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        module(torch.empty(1, 3, 64, 64, device="meta"))
    assert sum(one.macs for one in graph.operations) == counter.get_total_flops() // 2
    assert sum(one.parameters for one in graph.operations) == sum(
        4 * one.numel() for one in module.parameters()
    )
    assert graph.edges[0].bytes == 3 * 64 * 64
    (first,) = graph.out_of[1]
    assert (graph.operations[1].name, first.bytes) == ("conv1", 4 * 64 * 32 * 32)
    assert graph.operations[1].rows.model_dump() == {"kernel": 7, "stride": 2, "padding": 3, "dilation": 1}
    assert [one.users for one in graph.edges if len(one.users) > 1]  # what a shortcut passes by


def test_a_weight_that_is_used_twice_counts_once():
    layer = nn.Linear(4, 4)
    from bench.network.graph.dag import Dag

    dag = Dag.of(nn.Sequential(layer, nn.ReLU(), layer), Sample((4,)))
    assert [one.parameters for one in graph_of(dag, "m", Sample((4,))).operations] == [0, 80, 0, 0]


@pytest.mark.parametrize("spec", ["resnet", "torchvision[name=squeezenet1_1,size=32]"])
def test_every_operation_is_timed(spec):
    sample = Sample((3, 16, 16))
    dag = dag_of(choose(Backbone, spec).plugin, sample, 10)
    lines = []
    graph = with_times(
        dag,
        graph_of(dag, spec, sample),
        torch.randn(1, 3, 16, 16),
        torch.device("cpu"),
        Limits(3, 0.5),
        lines.append,
    )
    times = graph.times
    assert len(times.seconds) == len(dag.groups)
    assert times.seconds[0] == 0
    assert all(one > 0 for one in times.seconds[1:])
    assert times.time == "measured"
    assert graph.machine["threads"] >= 1
    assert lines == [f"{len(dag.groups) - 1} operations"]


def test_a_stage_list_is_a_graph_too():
    sample = Sample((3, 16, 16))
    dag = dag_of(TinyBackbone(), sample, 5)
    assert dag.values.of[dag.groups[-1][-1]].sizes == (2, 5)
    graph = graph_of(dag, "tiny", sample)
    assert Placement((0,) * len(graph.operations)).sent(graph, 0) == []
