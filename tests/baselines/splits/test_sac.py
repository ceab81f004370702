"""Soft actor-critic over exits, cuts and codecs: its updates by formulas written anew, its training, and what it decides.

Covers: baselines/splits/practice.py
"""

import math

import numpy as np
import pytest
import torch

from baselines.splits.actions import BYTES, COLUMNS, COUNT, TABLE, actions
from baselines.splits.practice import fresh, observed, queue, step, unsent
from baselines.splits.sac import Learner, Sac
from bench import Checkpoint, SplitPolicy, choose
from bench.replay.deploy.play import play
from bench.testing import check_split
from tests.bench.deployed import game, requests, table

OF = game(table(1, least=200.0), 1, samples=100, scale=20.0)
TABLE_ = actions(OF.known, 1.0, True)
WHOLE = OF.known.whole


def test_simulated_requests_take_what_one_after_the_other_would():
    rng = np.random.default_rng(0)
    devices, chooser = fresh(5, WHOLE, 0.3, rng), np.random.default_rng(1)
    for _ in range(60):
        before, chosen = devices, chooser.integers(len(TABLE_), size=5)
        seconds, after, devices = step(devices, TABLE_, chosen, WHOLE, 0.3, rng)
        for n, row in enumerate(TABLE_[chosen]):
            arrival, begin = before.arrivals[n, 0], before.begin[n]
            ways = []
            if row[3] > 0:
                ways.append((begin + row[4], begin + row[4], before.link[n]))
            if row[3] < 1:
                done = begin + row[5]
                if row[0] < len(OF.known.arms) - 1:
                    sent = max(done, before.link[n]) + row[6] / before.rate[n]
                    ways.append((done, sent + before.trip[n] + before.wait[n] + row[7], sent))
                else:
                    ways.append((done, done, before.link[n]))
            (own,) = [way for way in ways if seconds[n] == pytest.approx(way[1] - arrival)][:1]
            assert after.link[n] == pytest.approx(own[2])
            assert after.begin[n] == pytest.approx(max(before.arrivals[n, 1], own[0]))
            assert unsent(after)[n] == pytest.approx(max(own[2] - after.begin[n], 0) * after.rate[n])
            assert queue(after)[n] == sum(one <= after.begin[n] for one in after.arrivals[n, 1:])
    assert devices.age.max() < 40


def test_updates_descend_the_losses_of_the_papers():
    learner = Learner(Sac(lost=1.0, discount=0.7, entropy=0.4), TABLE_, WHOLE)
    rng = np.random.default_rng(0)
    seen, after = (torch.from_numpy(rng.standard_normal((9, 7))).float() for _ in range(2))
    chosen, reward = (
        torch.from_numpy(rng.integers(len(TABLE_), size=9)),
        torch.from_numpy(rng.standard_normal(9)).float(),
    )
    with torch.no_grad():
        learner.heat.fill_(-0.5)
        for one in learner.slow.parameters():
            one.add_(0.05)
    heat = math.exp(-0.5)

    def outs(net, x):
        return net(x).detach().double().numpy()

    def pair(net, x):
        made = []
        for number in range(2):
            y = x.double().numpy()
            for place, (weight, bias) in enumerate(zip(net.weights, net.biases, strict=True)):
                y = (np.maximum(y, 0) if place else y) @ weight[number].detach().double().numpy() + bias[
                    number
                ].detach().numpy()
            made.append(y)
        return made

    def shares(x):
        logits = outs(learner.actor, x)
        p = np.exp(logits - logits.max(1, keepdims=True))
        return p / p.sum(1, keepdims=True)

    p = shares(after)
    value = (p * (np.minimum(*pair(learner.slow, after)) - heat * np.log(p))).sum(1)
    assert learner.value(after).detach().numpy() == pytest.approx(value, rel=1e-4, abs=1e-5)
    target = reward.numpy() + 0.7 * value
    least = np.minimum(*pair(learner.critics, seen))
    p = shares(seen)
    expected = [
        sum(0.5 * ((one[np.arange(9), chosen] - target) ** 2).mean() for one in pair(learner.critics, seen)),
        (p * (heat * np.log(p) - least)).sum(1).mean(),
        0.5 * (p * (np.log(p) + 0.4 * math.log(len(TABLE_)))).sum(1).mean(),
    ]
    losses = learner.losses(seen, chosen, reward, after)
    assert [float(one.detach()) for one in losses] == pytest.approx(expected, rel=1e-3)
    for loss, own in zip(losses, (learner.critics, learner.actor, learner.parts["heat"]), strict=True):
        moved = torch.autograd.grad(
            loss, [*learner.adam.param_groups[0]["params"]], allow_unused=True, retain_graph=True
        )
        touched = {
            id(p) for p, g in zip(learner.adam.param_groups[0]["params"], moved, strict=True) if g is not None
        }
        assert touched == {id(p) for p in own.parameters()}
    slow = [one.clone() for one in learner.slow.parameters()]
    learner.learn(seen, chosen, reward, after)
    for before, now, fast in zip(slow, learner.slow.parameters(), learner.critics.parameters(), strict=True):
        assert torch.allclose(now, 0.99 * before + 0.01 * fast, atol=1e-6)


def test_a_training_that_was_killed_ends_as_one_that_was_not(tmp_path):
    policy = Sac(lost=1.0, steps=40, hidden=8)
    whole = policy.train(OF.known, Checkpoint())
    learner = Learner(policy, actions(OF.known, 1.0, True), WHOLE)
    for _ in range(23):
        learner.step()
    checkpoint = Checkpoint(tmp_path / "state.safetensors")
    checkpoint.save(learner.state())
    assert (policy.train(OF.known, checkpoint) == whole).all()
    assert (Sac(lost=1.0, steps=40, hidden=8, seed=1).train(OF.known, Checkpoint()) != whole).any()


def test_the_compiled_formula_takes_the_action_that_the_actor_prefers():
    from bench.kinds.begun import begun
    from bench.replay.deploy.view import blank

    policy = Sac(lost=1.0, steps=60, hidden=16)
    learner = Learner(policy, TABLE_, WHOLE)
    for _ in range(60):
        learner.step()
    memory, (view, _), own = begun(policy, OF.known), blank(), policy.own
    devices = fresh(200, WHOLE, 0.3, np.random.default_rng(7))
    for _ in range(3):
        _, _, devices = step(devices, TABLE_, np.zeros(200, int), WHOLE, 0.3, np.random.default_rng(8))
    preferred = learner.actor(torch.from_numpy(observed(devices, WHOLE)).float()).argmax(1).numpy()
    agree = 0
    for n in range(200):
        seen = view[0]
        seen["rate"], seen["link"], seen["unsent"] = math.nan, devices.seen[n], unsent(devices)[n]
        seen["queue"], seen["waited"] = queue(devices)[n], devices.begin[n] - devices.arrivals[n, 0]
        memory[2], memory[3] = devices.wait[n], devices.trip[n]
        row = np.array([_Row(seen)], object)[0]
        arm = policy.choose(row, OF.known.arms.view(np.recarray), _Row(own[0]), memory, 0.5)
        best = TABLE_[preferred[n]]
        agree += arm == best[0] and memory[0] == best[1]
    assert agree >= 198


class _Row:
    """A record's fields as attributes."""

    def __init__(self, record):
        for name in record.dtype.names:
            setattr(self, name, record[name])


def test_it_learns_to_keep_the_time_short_over_links_that_it_has_not_seen():
    of = game(table(3, least=500.0), 3, samples=100, scale=20.0)
    come = requests(of, rate=0.5, seconds=200)
    means = {
        spec: play(choose(SplitPolicy, spec).plugin, of, come).seconds.mean()
        for spec in ("sac[lost=0.1,steps=300]", "enumeration[lost=0.1]", "random")
    }
    learnt = means["sac[lost=0.1,steps=300]"]
    assert learnt < 1.2 * means["enumeration[lost=0.1]"], means
    assert learnt < 0.8 * means["random"], means


def test_the_memory_has_the_table_behind_its_head():
    memory = Sac(lost=1.0, steps=1, hidden=4).begin(OF.known)
    assert (memory[TABLE : TABLE + COLUMNS * len(TABLE_)].reshape(TABLE_.shape) == TABLE_).all()
    assert memory[COUNT] == len(TABLE_)
    assert TABLE_[:, BYTES].min() >= 0


def test_it_is_a_split_policy_like_any_other():
    check_split(Sac(steps=30, hidden=8))
