"""A partitioner that breaks its contract is found."""

from typing import ClassVar

import pytest

from bench import Partitioner, Placement
from bench.testing import Nonconforming, check_partitioner

CALLS = []


class Back(Partitioner):
    """Everything back and forth."""

    def place(self, graph, site):
        return Placement(tuple(number % 2 for number in range(len(graph.operations))))


class Fickle(Partitioner):
    """Here once, there the next time."""

    def place(self, graph, site):
        CALLS.append(graph)
        return Placement((0, *[len(CALLS) % 2] * (len(graph.operations) - 1)))


class Boasting(Partitioner):
    """All on the device, and called the best."""

    is_exact: ClassVar[bool] = True

    def place(self, graph, site):
        return Placement((0,) * len(graph.operations))


class Sending(Partitioner):
    """All on the server, with a link or without."""

    def place(self, graph, site):
        return Placement((0, *[len(site.names) - 1] * (len(graph.operations) - 1)))


class Home(Partitioner):
    """All on the device."""

    def place(self, graph, site):
        return Placement((0,) * len(graph.operations))


@pytest.mark.parametrize(
    ("partitioner", "sentence"),
    [
        (Back(), "it places every operation behind those that it needs"),
        (Fickle(), "have the same placement again"),
        (Boasting(), "no placement takes less time"),
        (Sending(), "everything stays on the device"),
    ],
)
def test_what_is_wrong_is_named(partitioner, sentence):
    with pytest.raises(Nonconforming, match=sentence):
        check_partitioner(partitioner)


def test_a_poor_placement_conforms():
    assert len(check_partitioner(Home())) == 4
