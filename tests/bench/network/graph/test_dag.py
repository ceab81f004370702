"""A network's operations on several machines answer as the whole does, bit for bit, wherever it is cut."""

import random

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from bench import Sample, SeesawError
from bench.network.graph.dag import Dag, may_cross, strongly_connected


def needs_of(dag):
    number_of = dag.of_node()
    return [
        {number_of[one] for node in nodes for one in node.all_input_nodes if one in number_of} - {number}
        for number, nodes in enumerate(dag.groups)
    ]


def random_tiers(dag, tiers, rng):
    """Random tiers, none before those of what an operation needs."""
    placed = [0]
    for needs in needs_of(dag)[1:]:
        placed.append(max(placed[one] for one in needs))
        placed[-1] = min(tiers - 1, placed[-1] + (rng.random() < 4 / len(dag.groups)))
    return placed


@torch.no_grad()
def run(parts, x):
    """The answer of parts, between which tensors lie side by side, as they arrive."""
    tensors = [x]
    for part in parts:
        tensors = part([one.clone(memory_format=torch.contiguous_format) for one in tensors])
    (answer,) = tensors
    return answer


NAMES = {
    "resnet18": (32, {}),
    "googlenet": (32, {"aux_logits": False, "init_weights": False}),
    "densenet121": (32, {}),
    "shufflenet_v2_x0_5": (32, {}),
    "swin_t": (32, {}),
    "vit_b_16": (32, {"image_size": 32}),
}


@pytest.mark.parametrize("name", NAMES)
def test_parts_of_a_network_of_torchvision_answer_as_the_whole(name):
    from torchvision import models

    side, settings = NAMES[name]
    torch.manual_seed(0)
    module = models.get_model(name, weights=None, num_classes=10, **settings).eval()
    x = torch.randn(3, 3, side, side)
    with torch.no_grad():
        whole = module(x)
    dag, rng, crossed = Dag.of(module, Sample((3, side, side))), random.Random(0), set()
    for tiers in (2, 2, 3, 3):
        placed = random_tiers(dag, tiers, rng)
        parts = dag.parts(placed)
        assert torch.equal(run(parts, x), whole)
        crossed.add(len(dag.sent(placed, 1)))
        assert parts[0].leaving == [node.name for node in dag.sent(placed, 1)] or placed[-1] == 0
    if name != "vit_b_16":
        assert max(crossed) > 1, "no cut of several tensors was tried"


class Twice(nn.Module):
    """Two branches from one tensor; exact in float64 with whole numbers for weights."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.fc = nn.Linear(4 * 5 * 5, 3)

    def forward(self, x):
        y = F.relu(self.a(x))
        return self.fc((self.b(y) + y).view(x.shape[0], -1))


def exact():
    generator = torch.Generator().manual_seed(0)
    module = Twice().double().eval()
    with torch.no_grad():
        for one in module.parameters():
            one.copy_(torch.randint(-3, 4, one.shape, generator=generator).double())
    return module


def test_a_server_that_joins_the_requests_of_several_clients_answers_each_as_the_whole():
    module = exact()
    clients = [torch.randint(-5, 6, (size, 3, 5, 5)).double() for size in (1, 3, 2)]
    dag = Dag.of(module, Sample((3, 5, 5), torch.float64))
    b = next(number for number in range(len(dag.groups)) if dag.name(number) == "b")
    front, back = dag.parts([int(number > b) for number in range(len(dag.groups))])
    assert len(front.leaving) == 2
    with torch.no_grad():
        sent = [front([x]) for x in clients]
        (answers,) = back([torch.cat(tensors) for tensors in zip(*sent, strict=True)])
        assert torch.equal(answers, torch.cat([module(x) for x in clients]))
        assert torch.equal(answers, module(torch.cat(clients)))


def test_all_on_one_side_is_the_whole():
    module = exact()
    x = torch.randint(-5, 6, (2, 3, 5, 5)).double()
    dag = Dag.of(module, Sample((3, 5, 5), torch.float64))
    count = len(dag.groups)
    for tiers in ([0] * count, [0, *[1] * (count - 1)], [0, *[2] * (count - 1)]):
        with torch.no_grad():
            assert torch.equal(run(dag.parts(tiers), x), module(x))


def test_a_tensor_that_flows_back_is_a_sentence():
    dag = Dag.of(exact(), Sample((3, 5, 5), torch.float64))
    with pytest.raises(SeesawError, match="placed before"):
        dag.parts([0, 1, 0, *[1] * (len(dag.groups) - 3)])
    with pytest.raises(SeesawError, match="operation 0 on tier 0"):
        dag.parts([1] * len(dag.groups))


class Chunks(nn.Module):
    """Two pieces of one tensor, of which one is used far behind the other."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.fc = nn.Linear(6, 8), nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x):
        one, other = self.a(x).chunk(2, 1)
        return self.fc(self.b(one) + other)


def test_what_tuples_join_runs_on_one_machine():
    module = Chunks().eval()
    dag = Dag.of(module, Sample((6,)))
    names = [[node.name for node in nodes] for nodes in dag.groups]
    assert [
        "chunk",
        "getitem",
        "getitem_1",
        "b",
        "add",
    ] in names  # halves of a tensor do not lie side by side
    x = torch.randn(2, 6)
    for tiers in (random_tiers(dag, 2, random.Random(seed)) for seed in range(6)):
        assert torch.equal(run(dag.parts(tiers), x), module(x))
    assert all(may_cross(dag.values.of[nodes[-1]]) for nodes in dag.groups if len(nodes) == 1 and nodes[0].op != "placeholder")  # fmt: skip


def brute_components(ways):
    """For each pair of places, whether each is reached from the other."""
    count = len(ways)
    reached = [[one == other or other in ways[one] for other in range(count)] for one in range(count)]
    for k in range(count):
        for i in range(count):
            for j in range(count):
                reached[i][j] = reached[i][j] or (reached[i][k] and reached[k][j])
    return [[reached[i][j] and reached[j][i] for j in range(count)] for i in range(count)]


def test_groups_are_strongly_connected():
    rng = random.Random(0)
    for _ in range(60):
        count = rng.randint(1, 8)
        ways = [[other for other in range(count) if rng.random() < 0.25] for _ in range(count)]
        group = strongly_connected(ways)
        assert [[a == b for b in group] for a in group] == brute_components(ways)
