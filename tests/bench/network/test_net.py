import pytest
import torch
from torch import nn

from bench import Net, Part, Sample, SeesawError


class Counting(nn.Module):
    """Adds one, and remembers how many samples it saw."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, x):
        self.seen.append(len(x))
        return x + 1


def counting_net(stages=3):
    net = Net([Counting() for _ in range(stages)], Sample((4,)), 2)
    for stage in range(stages):
        net.hang(stage, nn.Linear(4, 2))
    for stage in net.stages:
        stage.seen.clear()
    return net


def test_forward_gives_the_logits_of_every_exit_from_the_shallowest():
    net = counting_net()
    x = torch.randn(5, 4)
    answers = net(x)
    for depth, answer in enumerate(answers, 1):
        torch.testing.assert_close(answer, net.head(depth - 1)(x + depth))


def test_a_walk_really_stops_and_regroups_what_goes_on():
    net = counting_net()
    x = torch.randn(6, 4)
    plan = torch.tensor([0, 2, 1, 0, 2, 1])
    x[:, 0] = plan.float()

    def leave(seen):
        where = {1: [True, False, False, True, False, False], 2: [False, True, False, True]}[len(seen)]
        return torch.tensor(where)

    walk = net.walk(x, leave)
    assert walk.exits.tolist() == plan.tolist()
    assert [stage.seen for stage in net.stages] == [[6], [4], [2]]
    whole = torch.stack(net(x))
    torch.testing.assert_close(walk.logits, whole[plan, torch.arange(6)])


def test_a_walk_stops_computing_when_everyone_has_left():
    net = counting_net()
    walk = net.walk(torch.randn(3, 4), lambda seen: torch.ones(seen.shape[1], dtype=torch.bool))
    assert walk.exits.tolist() == [0, 0, 0]
    assert [len(stage.seen) for stage in net.stages] == [1, 0, 0]


def test_a_walk_asks_with_all_logits_so_far_and_never_at_the_last_exit():
    net, shapes = counting_net(), []

    def leave(history):
        shapes.append(tuple(history.shape))
        return torch.zeros(history.shape[1], dtype=torch.bool)

    net.walk(torch.randn(2, 4), leave)
    assert shapes == [(1, 2, 2), (2, 2, 2)]


def test_a_walk_of_nobody_gives_nothing():
    walk = counting_net().walk(torch.randn(0, 4), lambda seen: torch.zeros(0, dtype=torch.bool))
    assert walk.exits.shape == (0,)
    assert walk.logits.shape == (0, 2)


@pytest.mark.parametrize("k", range(4))
def test_back_of_front_is_the_whole_at_every_cut(k):
    net = counting_net()
    x = torch.randn(3, 4)
    front, back = net.cut(k)
    torch.testing.assert_close(back(front(x)), net(x)[-1])


def test_a_part_gives_the_answers_on_its_way():
    net = counting_net()
    x = torch.randn(3, 4)
    feature, answers = Part(net, 0, 2).answers(x)
    torch.testing.assert_close(feature, x + 2)
    torch.testing.assert_close(answers, net(x)[:2])


def test_shapes_are_those_of_a_sample_without_the_batch():
    net = Net([nn.Conv2d(3, 8, 3, 2), nn.Flatten()], Sample((3, 9, 9)), 2)
    assert net.shapes == [(8, 4, 4), (128,)]
    assert net.training


def test_a_stage_that_does_not_fit_is_named():
    with pytest.raises(SeesawError, match=r"Stage 1 \(Linear\).*\(1, 8\)"):
        Net([nn.Linear(4, 8), nn.Linear(9, 2)], Sample((4,)), 2)


@pytest.mark.parametrize("k", [-1, 4])
def test_a_cut_or_exit_that_is_not_there_is_refused(k):
    with pytest.raises(SeesawError, match="There is no"):
        counting_net().cut(k)
    with pytest.raises(SeesawError, match="There is no"):
        counting_net().hang(k, nn.Linear(4, 2))
