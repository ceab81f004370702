"""Times of operations that regressions by kind predict from other networks.

Covers: bench/kinds/layers.py
"""

import itertools

import numpy as np
import pytest
from torch import nn

from baselines.profiles.predicted import FEWEST, features, kinds_of, predict, regression
from bench import Graph, Profile, Sample, SeesawError, choose, layers_of
from bench.kinds.layers import graph_of
from bench.network.graph.dag import Dag
from bench.records.reading import Reading
from bench.records.setup import Named
from bench.testing.games import small_record
from bench.testing.partitioners import random_graph

WEIGHTS = {"even": np.array([2e-9, 1e-8, 0.0, 3e-9, 1e-5]), "odd": np.array([1e-9, 0.0, 5e-9, 0.0, 4e-5])}


def timed(seed, rare=None, disturbed=0):
    """A random graph of two kinds, whose seconds are exact lines of their features; the processor takes half of them."""
    graph = random_graph(30, np.random.default_rng(seed))
    kinds = ["input", *("even" if number % 2 else "odd" for number in range(1, len(graph.operations)))]
    if rare:
        kinds[-1] = rare
    rows = features(graph)
    seconds = [0.0, *(float(rows[n] @ WEIGHTS.get(kinds[n], WEIGHTS["even"])) for n in range(1, len(kinds)))]
    operations = [
        one.model_copy(
            update={
                "kind": name,
                "seconds": Reading(
                    value=value, unit="s", source="made", n=9, processor=value / 2, disturbed=disturbed
                ),
            }
        )
        for one, name, value in zip(graph.operations, kinds, seconds, strict=True)
    ]
    return graph.model_copy(update={"operations": tuple(operations), "model": f"net{seed}"}), np.array(
        seconds
    )


def test_a_network_is_predicted_exactly_where_others_follow_the_same_lines():
    graph, seconds = timed(0)
    blind = graph.model_copy(
        update={"operations": tuple(one.model_copy(update={"seconds": None}) for one in graph.operations)}
    )
    others = [timed(seed)[0] for seed in (1, 2, 3)]
    found, strange = predict(blind, others, "wall")
    np.testing.assert_allclose(found, seconds, rtol=1e-5)
    assert strange == []
    halves, _ = predict(blind, others, "processor")
    np.testing.assert_allclose(halves, seconds / 2, rtol=1e-5)


def test_a_kind_that_others_lack_is_named_and_predicted_by_the_line_over_all(tmp_path):
    graph, _ = timed(0, rare="strange")
    for seed in (1, 2):
        timed(seed)[0].write(tmp_path / f"{seed}.json")
    graph.write(tmp_path / "itself.json")
    one = choose(Profile, f"predicted[of={tmp_path}]").plugin.operations(graph)
    assert (
        one.source == "regressions by kind over 2 networks; by that over all kinds, being rare there: strange"
    )
    assert one.time == "modelled"
    assert not one.disturbed
    assert one.seconds[-1] > 0 == one.seconds[0]


def test_no_weight_is_below_zero_and_errors_count_relative_to_the_seconds():
    rng = np.random.default_rng(0)
    rows = rng.uniform(0, 1, (50, 5))
    seconds = rows @ np.array([1.0, -0.3, 2.0, 0.0, 0.1]) + 0.5
    weights = regression(rows, seconds)
    assert (weights >= 0).all()

    def loss(other):
        return ((rows @ other / seconds - 1) ** 2).sum()

    for place in range(5):
        for step in (1e-3, -1e-3):
            other = weights.copy()
            other[place] = max(other[place] + step, 0.0)
            assert loss(other) >= loss(weights) - 1e-12, "a neighbour is no better"


def lenet():
    """The record of a network whose plugins are known here; nothing of it but its settings is looked at."""

    def named(name):
        return Named(name=name, origin="made", settings={}, spec=name)

    run = small_record()
    plugins = {
        "task": named("digits"),
        "backbone": named("lenet"),
        "method": named("dense"),
        "exits": named("joint"),
    }
    return run.model_copy(update={"setup": run.setup.model_copy(update=plugins)})


def test_a_part_of_a_network_takes_the_sum_of_its_operations(tmp_path):
    line = WEIGHTS["even"] * [1, 1, 1, 0, 1]  # the graphs learnt from have no weights
    for seed in (1, 2, 3):
        graph, _ = timed(seed)
        seconds = features(graph) @ line
        operations = [
            one.model_copy(
                update={"seconds": Reading(value=value if number else 0.0, unit="s", source="made", n=9)}
            )
            for number, (one, value) in enumerate(zip(graph.operations, seconds.tolist(), strict=True))
        ]
        graph.model_copy(update={"operations": tuple(operations)}).write(tmp_path / f"{seed}.json")
    run = lenet()
    found, layers = choose(Profile, f"predicted[of={tmp_path},watts=2]").plugin.times(run), layers_of(run)

    def taken(graph):
        return (features(graph) @ line)[1:-1].sum()  # neither the input nor what reads the answer

    stages, heads = [taken(one) for one in layers.stages], [taken(one) for one in layers.heads]
    assert found.device[1:-1] == pytest.approx(np.cumsum(stages)[:-1], rel=1e-4)
    assert found.device[-1] == pytest.approx(sum(stages) + heads[-1], rel=1e-4)
    assert found.server == pytest.approx([found.device[-1] - one for one in found.device])
    assert found.exits == pytest.approx(
        [sum(stages[: stage + 1]) + head for stage, head in zip(layers.behind, heads, strict=True)], rel=1e-4
    )
    assert found.heads == pytest.approx([*heads[:-1], 0.0], rel=1e-4)
    assert (found.time, found.energy, found.watts, found.by_layer) == ("modelled", "modelled", 2.0, True)
    assert "regressions by kind over 3 networks; by that over all kinds, being rare there: " in found.source


def test_layers_of_a_network_have_its_macs_and_bytes():
    layers = layers_of(lenet())
    first = layers.stages[0]
    assert first.operations[1].kind == "Conv2d"
    assert first.edges[0].bytes == 64, "an image of 8 x 8 crosses as bytes"
    for before, after in itertools.pairwise(layers.stages):
        assert before.edges[-1].bytes == after.edges[0].bytes, "what one stage gives the next one takes"


def test_convolutions_of_few_channels_each_are_a_kind_of_their_own():
    dag = Dag.of(
        nn.Sequential(nn.Conv2d(8, 8, 3, groups=8), nn.Conv2d(8, 9, 3), nn.Flatten()), Sample((8, 9, 9))
    )
    assert kinds_of(graph_of(dag, "made", Sample((8, 9, 9)))) == ["input", "thin conv2d", "conv2d", "flatten"]


def test_what_cannot_be_predicted_is_a_sentence(tmp_path):
    graph, _ = timed(0)
    graph.write(tmp_path / "itself.json")
    profile = choose(Profile, f"predicted[of={tmp_path}]").plugin
    with pytest.raises(SeesawError, match="has no file of another network"):
        profile.operations(graph)
    with pytest.raises(SeesawError, match=r"predicted\[of=FOLDER\] has no file"):
        choose(Profile, "predicted").plugin.operations(graph)
    untimed = Graph.model_validate(timed(1)[0].model_dump(mode="json") | {"checksum": ""})
    operations = [one.model_copy(update={"seconds": None}) for one in untimed.operations]
    untimed.model_copy(update={"operations": tuple(operations)}).write(tmp_path / "untimed.json")
    with pytest.raises(SeesawError, match="has no seconds of the wall"):
        profile.operations(graph)
    assert features(graph).shape[1] < FEWEST
