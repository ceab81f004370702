"""A channel that breaks its contract is found."""

import numpy as np
import pytest

from bench import Channel, Conditions
from bench.testing import Nonconforming, check_channel

CALLS = []


class Fickle(Channel):
    """Another link each time."""

    def conditions(self, seconds, seed):
        CALLS.append(seconds)
        return Conditions.of(np.zeros(1), 1e6 + len(CALLS))


class Stretched(Channel):
    """A course that is stretched to what is asked for, so that a longer one begins otherwise."""

    def conditions(self, seconds, seed):
        return Conditions.of(np.array([0, seconds / 2]), [1e6, 2e6])


class Dead(Channel):
    """Nothing passes."""

    def conditions(self, seconds, seed):
        return Conditions.of(np.zeros(1), 0.0)


class Rates(Channel):
    """No table."""

    def conditions(self, seconds, seed):
        return [1.0, 2.0]


class Steady(Channel):
    """The same link, in as many pieces as there are seconds."""

    def conditions(self, seconds, seed):
        return Conditions.of(np.arange(0.0, seconds), 1e6)


@pytest.mark.parametrize(
    ("channel", "sentence"),
    [
        (Fickle(), "the same seed gives the same link"),
        (Stretched(), "a longer table begins with the shorter one"),
        (Dead(), "something passes"),
        (Rates(), "it gives a table of conditions"),
    ],
)
def test_what_is_wrong_is_named(channel, sentence):
    with pytest.raises(Nonconforming, match=sentence):
        check_channel(channel)


def test_how_many_pieces_a_link_is_written_in_does_not_matter():
    assert "a longer table begins with the shorter one" in check_channel(Steady())
