"""The contract of every policy, on samples and on streams, as a check."""

from __future__ import annotations

import inspect

import numpy as np
import torch
from torch import Tensor, nn

from bench.kinds.bases.online import Rule, plays_streams
from bench.kinds.policy import Policy, Reference, State, decides_alone
from bench.network.net import Net, Sample
from bench.replay.exits.decide import decide, leaves_now
from bench.testing.facts import Facts


def check_policy(policy: Policy, exits: int = 4, classes: int = 5) -> list[str]:
    """Check that a policy sees no labels and no later exits, and that execution decides as replay does.

    A policy that plays streams is checked on one too: it decides from past samples alone, and compiled as in
    plain Python.
    """
    facts = Facts()
    if plays_streams(policy):
        _check_on_stream(facts, policy, exits)
        if not decides_alone(policy):
            return facts
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(exits, 200, classes, generator=generator)
    labels, costs = torch.randint(classes, (200,), generator=generator), torch.arange(1.0, exits + 1)
    if isinstance(policy, Reference):
        chosen = policy.choose(logits, labels, costs)
        facts.hold(
            chosen.shape == (200,) and chosen.dtype == torch.int64, "it chooses an exit for every sample"
        )
        facts.hold(bool(((chosen >= 0) & (chosen < exits)).all()), "every chosen exit exists")
        facts.append("it is a bound: it sees labels and is never ranked")
        return facts
    scores = _check_scores(facts, policy, logits)
    states = _check_learning(facts, policy, logits, labels, costs)
    _check_leaving(facts, policy, logits, scores, states)
    return facts[:1] + list(dict.fromkeys(facts[1:]))


def _check_scores(facts: Facts, policy: Policy, logits: Tensor) -> Tensor:
    """Check that scores depend on the logits of the exits so far alone; returns them, (exits, N) or more."""
    exits = len(logits)
    verbs = (policy.score, policy.thresholds, policy.leaves)
    names = {name for verb in verbs for name in inspect.signature(verb).parameters}
    facts.hold(not names & {"labels", "label", "y", "targets"}, "no verb but `learn` asks for labels")
    kept = logits.clone()
    scores = policy.score(logits)
    facts.hold(scores.shape[:2] == (exits, 200), "one score for every exit and sample")
    for upto in range(1, exits + 1):
        early = policy.score(logits[:upto])
        facts.hold(torch.equal(early, scores[:upto]), f"scores of {upto} exits do not depend on later ones")
    facts.hold(torch.equal(policy.score(logits), scores), "the same logits give the same scores")
    facts.hold(torch.equal(logits, kept), "it leaves the logits as they are")
    return scores


def _check_learning(
    facts: Facts, policy: Policy, logits: Tensor, labels: Tensor, costs: Tensor
) -> list[State]:
    """Check that operating points are plain tensors, the same from the same split; returns them."""
    inputs = logits, labels, costs
    kept = [one.clone() for one in inputs]
    states = policy.learn(logits, labels, costs, 5)
    facts.hold(states, "it has an operating point")
    plain = [type(value) is Tensor for state in states for value in state.values()]
    facts.hold(all(plain), "a state is plain tensors")
    again = policy.learn(logits, labels, costs, 5)
    facts.hold(
        len(again) == len(states) and all(map(_alike, states, again)), "it learns the same from the same"
    )
    same = all(map(torch.equal, inputs, kept))
    facts.hold(same, "learning leaves logits, labels and costs as they are")
    return states


def _check_leaving(facts: Facts, policy: Policy, logits: Tensor, scores: Tensor, states: list[State]) -> None:
    """Check that no later exit decides who leaves, and that execution decides as replay."""
    exits = len(logits)
    replayed = decide(policy, states, logits)
    for state, chosen in zip(states, replayed, strict=True):
        ready = policy.leaves(scores, state)
        facts.hold(ready.shape == (exits, 200) and ready.dtype == torch.bool, "it says who leaves where")
        for upto in range(1, exits + 1):
            same = torch.equal(policy.leaves(scores[:upto], state), ready[:upto])
            facts.hold(same, "who leaves does not depend on later exits")
        net, leave, samples = Replayed(logits), leaves_now(policy, state), torch.arange(200.0)[:, None]
        together = net.walk(samples, leave).exits
        alone = torch.cat([net.walk(one, leave).exits for one in samples.split(1)])
        same = torch.equal(together, chosen) and torch.equal(alone, chosen)
        facts.hold(same, "execution and replay agree on every sample, in a batch and alone")


def _alike(one: State, other: State) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def _check_on_stream(facts: Facts, policy: Policy, exits: int) -> None:
    """Check a policy on a small stream, played whole, in part and with other answers, and with one exit."""
    from bench.replay.streams.play import play_stream
    from bench.replay.streams.stream import Stream

    rng = np.random.default_rng(0)
    stream = Stream(rng.random((200, exits)), rng.random((200, exits)) < 0.5)
    if isinstance(policy, Reference):
        rewards, costs = (torch.from_numpy(rng.random((exits, 200))) for _ in range(2))
        chosen = policy.hindsight(rewards, costs, torch.from_numpy(stream.right.T))
        sound = chosen.shape == (200,) and chosen.dtype == torch.int64
        facts.hold(sound, "on a stream it chooses an arm for every sample")
        facts.hold(bool(((chosen >= 0) & (chosen < exits)).all()), "every chosen arm exists")
        facts.append("it is a bound: it knows the stream and is never ranked")
        return
    assert isinstance(policy, Rule)

    def played(one: Stream, *, plain: bool = False) -> np.ndarray:
        return play_stream(policy, one, one.arms(), np.random.default_rng(1), plain=plain).arms

    whole = played(stream)
    facts.hold(np.array_equal(whole, played(stream, plain=True)), "compiled it decides as in plain Python")
    facts.hold(np.array_equal(whole, played(stream)), "the same stream and draws give the same decisions")
    half = Stream(stream.confidences[:100], stream.right[:100])
    facts.hold(np.array_equal(whole[:100], played(half)), "it decides from what has passed alone")
    other = Stream(stream.confidences, ~stream.right)
    facts.hold(np.array_equal(whole, played(other)), "what is right moves no decision")
    single = Stream(stream.confidences[:, :1].copy(), stream.right[:, :1].copy())
    facts.hold(not played(single).any(), "with one exit it plays that one")


class Replayed(Net):
    """A net that takes numbers of samples, and whose exits give the recorded logits of these."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__([nn.Identity() for _ in logits], Sample((1,)), logits.shape[-1])
        for stage, one in enumerate(logits):
            self.hang(stage, _Recorded(one))


class _Recorded(nn.Module):
    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.register_buffer("logits", logits)

    def forward(self, numbers: Tensor) -> Tensor:
        return self.get_buffer("logits")[numbers[:, 0].long()]
