"""Decisions in native code beside the policies' own, sample by sample."""

import pytest
import torch
from torch import nn

from baselines.policies.confidence import Confidence
from baselines.policies.entropy import Entropy
from baselines.policies.fixed import Fixed
from baselines.policies.gates import Gates
from baselines.policies.margin import Margin
from baselines.policies.never import Never
from baselines.policies.patience import Patience
from baselines.policies.votes import Votes
from bench.execution.backends import chained
from bench.execution.deciding import Decider, NativeWalk, formula_of
from bench.kinds.build import assemble
from bench.network.net import Net, Sample
from bench.network.walk import walk
from bench.replay.exits.decide import leaves_now
from bench.testing import AllExits, TinyBackbone, TinyTask

pytestmark = pytest.mark.usefixtures("compiler")
POLICIES = (Confidence(), Entropy(), Margin(), Patience(), Votes(), Fixed(), Never())


def drawn(classes=10, samples=400, exits=4):
    """Logits from sure to unsure, some equal, some infinite and some no numbers."""
    generator = torch.Generator().manual_seed(classes)
    sure = torch.logspace(-2, 2, samples)[:, None]
    logits = sure * torch.randn(exits, samples, classes, generator=generator)
    logits[1, ::3] = logits[0, ::3]  # a confirmed answer, an equal score
    logits[:, 5, :2] = logits[:, 5].max() + 1  # two classes that are as likely
    logits[:, 7] = 0.0
    logits[0, 11, 1], logits[2, 13, 0], logits[1, 17, 0] = torch.nan, torch.inf, -torch.inf
    logits[:, 19] *= 1e30
    return logits


def states_at(scores):
    """Operating points whose thresholds are scores of samples themselves, and those that all or none reach."""
    exits = len(scores)
    points = [scores[:, number] for number in range(0, scores.shape[1], 29)]
    return [
        {"thresholds": one.contiguous()}
        for one in (*points, torch.full((exits,), torch.inf), torch.full((exits,), -torch.inf))
    ]


class Counting:
    """A decision, and how many samples it was asked for."""

    def __init__(self, leave):
        self.leave, self.asked = leave, 0

    def __call__(self, logits):
        self.asked += logits.shape[1]
        return self.leave(logits)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("classes", [2, 3, 10, 100])
def test_native_decisions_are_the_policys_own_at_thresholds_too(policy, classes):
    logits = drawn(classes)
    scores = policy.score(logits.clone())
    for state in states_at(scores):
        leave = leaves_now(policy, state)
        decider = Decider(leave, policy, state)
        assert decider.formula == policy.formula
        for exits in range(1, len(logits)):
            assert torch.equal(decider(logits[:exits]), leave(logits[:exits]))


@pytest.mark.parametrize("policy", POLICIES, ids=lambda one: type(one).__name__)
def test_the_policy_is_asked_for_samples_at_the_threshold_alone(policy):
    logits = torch.randn(2, 5000, 10, generator=torch.Generator().manual_seed(0))
    scores = policy.score(logits)
    state = {"thresholds": scores[:, 42].clone()}
    counting = Counting(leaves_now(policy, state))
    decider = Decider(counting, policy, state)
    assert decider(logits[:1]).any()
    exact = policy.formula in ("patience", "votes", "zero")
    assert counting.asked == 0 if exact else 1 <= counting.asked < 50
    asked = counting.asked
    alone = torch.cat([decider(one) for one in logits[:1, 100:200].split(1, 1)])
    assert counting.asked - asked <= 3
    assert torch.equal(alone, leaves_now(policy, state)(logits[:1])[100:200])


def test_a_policy_with_a_score_of_its_own_has_no_formula():
    class Half(Confidence):
        def score(self, logits):
            return super().score(logits) / 2

    class Second(Confidence):
        def leaves(self, scores, state):
            return super().leaves(scores, state) & (torch.arange(len(scores)) > 0)[:, None]

    state, logits = {"thresholds": torch.full((4,), 0.45)}, drawn()
    for policy in (Half(), Second()):
        assert formula_of(policy, state) is None
        leave = leaves_now(policy, state)
        assert torch.equal(Decider(leave, policy, state)(logits[:2]), leave(logits[:2]))
    assert formula_of(Confidence(), state) == "confidence"
    assert formula_of(Gates(), state) is None


@pytest.fixture(scope="module")
def subject():
    """A network with an exit behind every stage, inputs, and the chains of its stretches for batches of 1 and of 16."""
    task = TinyTask()
    net = assemble(TinyBackbone(), task.about(), AllExits()).eval()
    data = task.data(None, 0)
    x = data.scale(data.test.inputs)
    runs = {}
    for size, lanes in ((1, 1), (16, 16)):
        runs[size], now = [], x
        for part in net.stretches():
            runs[size].append(chained(part, now, lanes=lanes))
            now = part.run(now)[0]
    return x, runs


@pytest.mark.parametrize("size", [1, 5, 32])
@pytest.mark.parametrize("policy", [*POLICIES, Gates()], ids=lambda one: type(one).__name__)
def test_a_native_walk_is_the_walk_to_the_last_bit(subject, policy, size):
    x, runs = subject
    native = NativeWalk(runs)

    def stretch(number):
        return lambda x: runs[16 if 2 * len(x) >= 16 else 1][number](x)

    stretches = [stretch(number) for number in range(3)]
    logits = torch.stack([one.logits for one in (walk(stretches[:n], x, never) for n in (1, 2, 3))])
    labels, costs = torch.arange(len(x)) % 2, torch.tensor([1.0, 2.0, 4.0])
    for state in policy.learn(logits, labels, costs, 7):  # thresholds are scores of these samples
        leave = leaves_now(policy, state)
        decider = Decider(leave, policy, state)
        for batch in x.split(size):
            ours, theirs = native(batch, decider)[0], walk(stretches, batch, leave)
            assert torch.equal(ours.exits, theirs.exits)
            assert torch.equal(ours.logits, theirs.logits)


def never(logits):
    return torch.zeros(logits.shape[1], dtype=torch.bool)


def test_a_function_that_is_nobodys_is_asked_at_every_exit_for_those_on_their_way(subject):
    x, runs = subject
    native, seen = NativeWalk(runs), []

    def leave(logits):
        seen.append(tuple(logits.shape))
        return torch.arange(logits.shape[1]) < 2

    taken, seconds = native(x[:5], Decider(leave))
    assert seen == [(1, 5, 4), (2, 3, 4)]
    assert taken.exits.tolist() == [0, 0, 1, 1, 2]
    assert 0 < seconds < 1
    with pytest.raises(RuntimeError, match="decides for others"):
        native(x[:5], Decider(lambda logits: torch.zeros(1, dtype=torch.bool)))

    def fails(logits):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        native(x[:5], Decider(fails))


def test_samples_whose_logits_are_no_numbers_go_to_the_end():
    net = Net([nn.Flatten(), nn.Linear(4, 4)], Sample((4,)), 4)
    for stage in (0, 1):
        net.hang(stage, nn.Linear(4, 4))
    x = torch.randn(3, 4)
    x[1, 2] = torch.nan
    native = NativeWalk({1: [chained(part, x, lanes=1) for part in net.eval().stretches()]})
    state = {"thresholds": torch.full((2,), -torch.inf)}
    for policy in (Confidence(), Patience()):
        taken, _ = native(x, Decider(leaves_now(policy, state), policy, state))
        assert taken.exits.tolist() == [0, 1, 0]
        assert taken.logits[1].isnan().all()
