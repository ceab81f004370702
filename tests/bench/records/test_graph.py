"""The file of a graph comes back as it was written, and a broken one is a sentence."""

import json

import pytest
from pydantic import ValidationError

from bench import Edge, Exit, Graph, Operation, Reading, SeesawError
from bench.testing.partitioners import random_graph, small_graph


def timed(graph, each=1e-3, disturbed=0):
    reading = Reading(value=each, unit="s", source="made", n=5, disturbed=disturbed)
    operations = tuple(one.model_copy(update={"seconds": reading}) for one in graph.operations)
    return graph.model_copy(update={"operations": operations, "machine": {"processor": "a processor"}})


def test_a_graph_comes_back_as_it_was_written(tmp_path):
    graph = timed(small_graph())
    again = Graph.read(graph.write(tmp_path / "graph.json"))
    assert again.model_copy(update={"checksum": ""}) == graph
    assert again.identity == graph.identity


def test_the_identity_is_of_the_network_and_not_of_its_times():
    graph = small_graph()
    assert timed(graph).identity == graph.identity
    edges = (graph.edges[0].model_copy(update={"bytes": 1}), *graph.edges[1:])
    assert graph.model_copy(update={"edges": edges}).identity != graph.identity


def test_a_graph_that_was_changed_or_cut_off_is_a_sentence(tmp_path):
    path = small_graph().write(tmp_path / "graph.json")
    text = path.read_text()
    path.write_text(text.replace('"macs": 9000', '"macs": 9001', 1))
    with pytest.raises(SeesawError, match="was changed after it was written"):
        Graph.read(path)
    path.write_text(text[:100])
    with pytest.raises(SeesawError, match="is no whole graph"):
        Graph.read(path)
    with pytest.raises(SeesawError, match="cannot be read"):
        Graph.read(tmp_path / "none.json")
    broken = json.loads(text)
    broken["edges"][0]["users"] = [7]
    path.write_text(json.dumps(broken))
    with pytest.raises(SeesawError, match="read before it is there"):
        Graph.read(path)


@pytest.mark.parametrize(
    ("edges", "words"),
    [
        (((0, (1,)), (1, (1,))), "read before it is there"),
        (((0, (2, 1)), (1, (2,))), "not in order"),
        (((0, (2,)),), "lies on no way"),
    ],
)
def test_what_is_no_graph_is_not_made(edges, words):
    made = tuple(Edge(source=source, users=users, bytes=1) for source, users in edges)
    with pytest.raises(ValidationError, match=words):
        Graph(
            model="m",
            sample=(1,),
            operations=tuple(Operation(name=str(n), kind="k") for n in range(3)),
            edges=made,
        )


def test_an_exit_stands_where_every_path_passes():
    graph = small_graph()
    with pytest.raises(ValidationError, match="not every path passes"):
        Graph.model_validate(graph.model_dump() | {"exits": (Exit(behind=2, share=0.5, macs=1),)})


def test_times_that_nobody_took_are_a_sentence():
    with pytest.raises(SeesawError, match="were not timed"):
        _ = small_graph().times
    times = timed(small_graph()).times
    assert (times.time, times.seconds, times.disturbed) == ("measured", (1e-3,) * 7, False)
    assert timed(small_graph(), disturbed=3).times.disturbed


def test_borders_are_those_that_every_path_passes():
    """By brute force: without a border, no way leads from the input to the answer."""
    import numpy as np

    rng = np.random.default_rng(0)
    for _ in range(40):
        graph = random_graph(7, rng)

        def reached(without, graph=graph):
            behind = {0} - {without}
            for edge in graph.edges:
                if edge.source in behind:
                    behind |= set(edge.users) - {without}
            return 6 in behind

        assert list(graph.borders) == [number for number in range(6) if not reached(number)]
