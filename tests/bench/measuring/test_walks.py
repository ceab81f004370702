import pytest
import torch
from torch import nn

from baselines.policies.confidence import Confidence
from baselines.policies.patience import Patience
from baselines.policies.random import Random
from bench.execution.backends import chained
from bench.kinds.build import assemble
from bench.measuring.walks import Walker, execute, walked, without_early_exits
from bench.network.linked import Linked
from bench.network.net import Net, Sample
from bench.network.walk import walk as python_walk
from bench.replay.exits.decide import decide, leaves_now
from bench.replay.exits.shipped import Shipped
from bench.replay.trace import Trace
from bench.testing import AllExits, TinyBackbone, TinyTask
from tests.bench.ticks import Ticks


@pytest.fixture
def subject():
    """A network, inputs, and the trace of them."""
    task = TinyTask()
    net = assemble(TinyBackbone(), task.about(), AllExits()).eval()
    data = task.data(None, 0)
    x = data.scale(data.test.inputs)
    with torch.no_grad():
        logits = torch.stack(net(x))
    return net, x, Trace(logits, data.test.labels, torch.tensor([1.0, 2.0, 4.0]))


def shipped(trace):
    """Policies whose samples leave everywhere, each at one operating point."""
    shipped_policies = []
    for number, policy in enumerate((Confidence(), Patience(), Random())):
        states = policy.learn(trace.logits, trace.labels, trace.costs, 9)
        shipped_policies.append(Shipped(f"policy {number}", policy, 4, states[len(states) // 2]))
    return shipped_policies


@pytest.mark.parametrize("size", [1, 3, 8, 32])
def test_a_walker_agrees_with_replay_on_every_sample(subject, size):
    net, x, trace = subject
    walker, each = Walker(net, x, sizes=(1, 8)), torch.arange(len(x))
    for one in shipped(trace):
        expected = decide(one.policy, [one.state], trace.logits)[0]
        leave = leaves_now(one.policy, one.state)
        with torch.no_grad():
            walks = [walker(batch, leave) for batch in x.split(size)]
        assert torch.equal(torch.cat([walk.exits for walk in walks]), expected)
        logits = torch.cat([walk.logits for walk in walks])
        torch.testing.assert_close(logits, trace.logits[expected, each], rtol=1e-4, atol=1e-5)


def test_stretches_behind_the_exit_where_all_left_are_not_run(subject):
    net, x, _ = subject
    walker, ran = Walker(net, x, sizes=(8,)), []
    runs = walker.runs[8]
    walker.runs[8] = [lambda x, n=n, run=run: ran.append(n) or run(x) for n, run in enumerate(runs)]
    walker(x[:8], lambda logits: torch.full(logits.shape[1:2], len(logits) == 2))
    assert ran == [0, 1]


def test_a_batch_is_run_in_the_way_of_the_size_that_is_nearest_below(subject):
    net, x, _ = subject
    walker, used = Walker(net, x, sizes=(1, 8)), []
    for size, runs in walker.runs.items():
        walker.runs[size] = [
            lambda x, size=size, run=run: used.append((size, len(x))) or run(x) for run in runs
        ]
    for count in (1, 3, 4, 32):
        walker(x[:count], lambda logits: torch.ones(logits.shape[1], dtype=torch.bool))
    assert used == [(1, 1), (1, 3), (8, 4), (8, 32)]


def test_a_walk_through_chains_is_one_native_call_and_one_through_other_kernels_is_not(
    compiler, subject, monkeypatch
):
    net, x, trace = subject
    walker = Walker(net, x, sizes=(1, 8))
    own = {1: chains_of(net, x, 1), 8: [part.run for part in net.stretches()]}
    walker.runs = own
    by_python = []
    monkeypatch.setattr(
        "bench.measuring.walks.walk", lambda *of: by_python.append(len(of[1])) or python_walk(*of)
    )
    one = shipped(trace)[0]
    leave, expected = leaves_now(one.policy, one.state), decide(one.policy, [one.state], trace.logits)[0]
    for size in (1, 3, 4, 32):  # four come through the kernels of the size 8
        taken = [walker(batch, leave).exits for batch in x.split(size)]
        assert torch.equal(torch.cat(taken), expected)
    assert set(by_python) == {4, 32}
    assert 0 < walker.inside < 10


def chains_of(net, x, lanes):
    """The chains from exit to exit."""
    chains = []
    for part in net.stretches():
        chains.append(chained(part, x, lanes=lanes))
        x = part.run(x)[0]
    return chains


def test_without_early_heads_the_answer_is_the_same_and_the_network_is_left_alone(subject):
    net, x, trace = subject
    whole = without_early_exits(net)
    assert list(whole.heads) == ["2"]
    assert net.exits == (0, 1, 2)
    with torch.no_grad():
        torch.testing.assert_close(whole(x)[-1], trace.logits[-1])


def test_heads_whose_logits_the_last_one_reads_stay():
    class Adding(Linked):
        def __init__(self):
            super().__init__()
            self.own = nn.Linear(3, 2)

        def forward(self, x, earlier):
            return self.own(x) + sum(earlier)

    net = Net([nn.Linear(3, 3), nn.Linear(3, 3)], Sample((3,)), 2)
    net.hang(0, Adding())
    net.hang(1, Adding())
    assert without_early_exits(net) is net


def test_walks_are_timed_for_every_policy_and_size_beside_nobody_leaving(subject):
    net, x, trace = subject
    leaves = {one.spec: leaves_now(one.policy, one.state) for one in shipped(trace)}
    times = execute(net, x, leaves, sizes=(1, 8))
    assert set(times) == {(spec, size) for spec in (None, *leaves) for size in (1, 8)}
    for (spec, _), timed in times.items():
        assert timed.latency.value > 0
        assert (timed.routing is None) == (timed.exits is None) == (spec is None)
        if timed.routing is not None:
            assert 0 < timed.routing.value < timed.latency.value


def test_a_round_that_was_disturbed_counts_for_no_routing(subject):
    net, x, _ = subject
    calls, clock = [], Ticks()

    def leave(logits):
        calls.append(logits)
        if 30 < len(calls) < 300:
            clock.now += 0.005
            clock.waited += 0.005
        return torch.zeros(logits.shape[1], dtype=torch.bool)

    timed = execute(net, x, {"slow": leave}, sizes=(1,), clock=clock)["slow", 1]
    assert len(calls) > 400
    assert timed.routing.high < 0.0025
    assert timed.latency.disturbed == timed.routing.disturbed == 0


def test_slow_networks_walk_with_fewer_samples_and_never_with_too_few(subject, monkeypatch):
    net, x, _ = subject
    monkeypatch.setattr("bench.measuring.walks.EACH", 0.0)
    assert {key: one.samples for key, one in execute(net, x, {}, sizes=(1, 8)).items()} == {
        (None, 1): 16,
        (None, 8): 16,
    }
    monkeypatch.setattr("bench.measuring.walks.EACH", 60.0)
    assert execute(net, x, {}, sizes=(1,))[None, 1].samples == 32


def test_sizes_beyond_the_samples_are_left_out(subject):
    net, x, _ = subject
    assert {size for _, size in execute(net, x[:5], {}, sizes=(1, 8))} == {1}
    assert {size for _, size in execute(net, x[:5], {}, sizes=(8, 64))} == {5}


def test_batches_that_would_take_long_are_left_out_where_there_are_smaller_ones(subject, monkeypatch):
    net, x, _ = subject
    monkeypatch.setattr("bench.measuring.walks.SLOW", 0.0)
    assert {size for _, size in execute(net, x, {}, sizes=(1, 8))} == {1}
    assert {size for _, size in execute(net, x, {}, sizes=(8,))} == {8}


def test_blocks_of_a_record_count_where_samples_left_and_how_many_elsewhere_than_in_replay(subject):
    net, x, trace = subject
    several = shipped(trace)
    blocks = walked(net, x, several, trace)
    assert [walk.point for walk in blocks if walk.policy is None] == [None] * 2
    for walk in blocks:
        assert 16 <= sum(walk.left) <= len(x)
        assert walk.moved == 0
    for one in several:
        expected = decide(one.policy, [one.state], trace.logits)[0]
        for walk in (walk for walk in blocks if walk.policy == one.spec):
            assert walk.left == torch.bincount(expected[: sum(walk.left)], minlength=3).tolist()
    moved = Trace(trace.logits.flip(1), trace.labels, trace.costs)
    assert any(walk.moved for walk in walked(net, x, several, moved))
