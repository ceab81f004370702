import pytest
import torch

from bench import Exits, Method, SeesawError
from bench.kinds.build import assemble, seeded, untrained
from bench.testing import AllExits, TinyBackbone, TinyTask

ABOUT = TinyTask().about()


def test_a_seed_decides_the_initial_weights_and_the_draws_behind_them():
    def built(seed):
        _, net = untrained(TinyBackbone(), Method(), AllExits(), ABOUT, seed=seed)
        return [*net.state_dict().values(), torch.rand(3)]

    one, same, other = built(1), built(1), built(2)
    assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    assert not torch.equal(one[0], other[0])


def test_the_callers_generator_stands_where_it_stood():
    torch.manual_seed(5)
    expected = torch.rand(4)
    torch.manual_seed(5)
    with seeded(1):
        inside = torch.rand(4)
    assert torch.equal(torch.rand(4), expected)
    assert not torch.equal(inside, expected)


class Shallow(Exits):
    def hang(self, net, shares, head):
        net.hang(0, head(0))


def test_a_plan_without_a_last_head_and_a_cut_that_does_not_exist_are_refused():
    with pytest.raises(SeesawError, match="Shallow hangs no head on the last stage"):
        assemble(TinyBackbone(), ABOUT, Shallow())
    with pytest.raises(SeesawError, match="Name one from 1 to 2"):
        untrained(TinyBackbone(), Method(), AllExits(), ABOUT, cut=3)
