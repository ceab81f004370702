"""SAC-d: a discrete soft actor-critic learns which exit, cut and codec to take; twin critics, a tuned temperature, a replay buffer.

Niu, Teng, Han, Zou, "An Adaptive Device-Edge Co-Inference Framework Based on Soft Actor-Critic", WCNC 2022 (arXiv 2201.02968): the exit, the
partition and the bits of the feature are chosen together by soft actor-critic for discrete actions (Christodoulou, arXiv 1910.07207). With the critics' minimum
Q, their slow copies Q', the actor's shares p and the temperature a, over all actions:

    critics:      (Q(s, u) - r - discount sum p(s') (min Q'(s') - a log p(s')))^2 / 2
    actor:        sum p (a log p - min Q)
    temperature:  -log a sum p (log p + H),   H = entropy times the logarithm of the number of actions

The reward is ours: minus the time to the answer, waiting included, in times of the whole network on the device, as an action that loses too
many right answers is none. What a request takes from device and link the next ones meet, so the discount is not 0, which would be
a bandit. It practises on simulated devices alone (`practice`), before the first request, for seconds, and then takes the likeliest action.
"""

import itertools
import json
import math
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from baselines.splits.actions import (
    ACTION_EXIT,
    ARM,
    BYTES,
    COLUMNS,
    COUNT,
    DEVICE,
    EXIT,
    LEAST,
    LEAVES_AT,
    SERVER,
    TABLE,
    THRESHOLD,
    TRIP,
    WAIT,
    ActionPolicy,
    actions,
)
from baselines.splits.practice import FEATURES, MOST, Devices, fresh, observed, step
from bench import Checkpoint, Count, Known, Share, TrainedSplit, Whole

LANES, BATCH, ROOM, WARM = 64, 128, 40_000, 10
"""Devices that practise at once; transitions of an update; of the replay buffer; steps before the first update."""
SPEED, SLOW, KEEP = 1e-3, 0.01, 500
"""Adam's rate; by which the slow critics follow (Polyak); steps between checkpoints."""


class Sac(ActionPolicy, TrainedSplit):
    """Takes the exit, cut and codec that an actor prefers, which learnt on simulated links by soft actor-critic."""

    hidden: Annotated[int, Field(ge=1, le=512)] = 32
    """width of the networks' hidden layers: one of the actor's, two of each critic's"""
    steps: Count = 2500
    """of training; in each, 64 simulated devices answer a request"""
    discount: Share = 0.9
    """weight of the next request's reward; 0: a bandit"""
    entropy: Share = 0.1
    """of the actor while it learns, as a share of that of equal chances; the temperature is tuned for it"""
    off: Annotated[float, Field(ge=0, le=3)] = 0.3
    """by how much the logarithm of the rate that is seen is off, a standard deviation"""
    seed: Whole = 0
    """of devices, links, and of training"""

    def train(self, known: Known, checkpoint: Checkpoint) -> np.ndarray:
        table = actions(known, self.lost, self.exits)
        head = self.memory(table)
        learner = Learner(self, table, max(known.whole, 1e-9))
        if state := checkpoint.load():
            learner.resume(state)
        while learner.steps < self.steps:
            learner.step()
            if learner.steps % KEEP == 0:
                checkpoint.save(learner.state())
        inner, outer = learner.inner, learner.outer
        weights = [inner.weight, torch.cat([outer.weight, outer.bias[:, None]], 1)]
        numbers = [one.detach().double().numpy().reshape(-1) for one in weights]
        return np.concatenate([head, [max(known.whole, 1e-9)], *numbers, np.zeros(self.hidden)])

    @staticmethod
    def choose(seen: Any, arms: Any, own: Any, memory: Any, luck: float) -> int:
        count, hidden = int(memory[COUNT]), int(own.hidden)
        rate = seen.rate if math.isnan(seen.link) else seen.link
        memory[LEAST] = min(memory[LEAST], seen.trip)
        trip = memory[TRIP] if memory[TRIP] < math.inf else seen.trip
        best, least = count - 1, math.inf
        if math.isnan(rate):
            # Nobody has measured the link yet: one payload does, the smallest of those that are faster over a link without end.
            for number in range(count):
                at = TABLE + COLUMNS * number
                is_slower = memory[at + DEVICE] + trip + memory[at + SERVER] >= arms[len(arms) - 1].device
                is_sent = memory[at + ARM] < len(arms) - 1 and seen.unsent == 0
                if is_sent and not is_slower and memory[at + BYTES] < least:
                    best, least = number, memory[at + BYTES]
        else:
            whole = memory[TABLE + COLUMNS * count]
            one = math.log10(max(rate, 1.0)) / 2 - 2.5
            two = math.log10(1 + max(seen.unsent, 0.0)) / 3 - 0.5 if seen.unsent < math.inf else 3.0
            three, four = math.log10(trip + 1e-4) + 2, math.log10(memory[WAIT] + 1e-4) + 2
            five, six = math.log10(1 + seen.queue), math.log10(1 + seen.waited / whole)
            inner = TABLE + COLUMNS * count + 1
            outer = inner + hidden * 7
            room = outer + count * (hidden + 1)
            for unit in range(hidden):
                at = inner + unit * 7
                memory[room + unit] = math.tanh(
                    memory[at] * one + memory[at + 1] * two + memory[at + 2] * three + memory[at + 3] * four + memory[at + 4] * five
                    + memory[at + 5] * six + memory[at + 6]
                )  # fmt: skip
            most = -math.inf
            for number in range(count):
                at = outer + number * (hidden + 1)
                logit = memory[at + hidden]
                for unit in range(hidden):
                    logit += memory[at + unit] * memory[room + unit]
                if logit > most:
                    best, most = number, logit
        at = TABLE + COLUMNS * best
        memory[EXIT], memory[THRESHOLD] = memory[at + ACTION_EXIT], memory[at + LEAVES_AT]
        return int(memory[at + ARM])


class Learner:
    """The training: simulated devices, the replay buffer, the actor, two critics with their slow copies, and the temperature.

    Args:
        policy: the settings.
        table: of the actions.
        whole: seconds of the whole network on the device.
    """

    def __init__(self, policy: Sac, table: np.ndarray, whole: float) -> None:
        self.policy, self.table, self.whole, self.steps = policy, table, whole, 0
        self.rng = np.random.default_rng([policy.seed, 35])
        self.devices = fresh(LANES, whole, policy.off, self.rng)
        count, hidden = len(table), policy.hidden
        self.inner, self.outer = nn.Linear(FEATURES, hidden, bias=False), nn.Linear(hidden, count)
        self.actor = nn.Sequential(self.inner, nn.Tanh(), self.outer)
        self.critics, self.slow = (
            Twins((FEATURES, hidden, hidden, count)),
            Twins((FEATURES, hidden, hidden, count)),
        )
        self.heat = nn.Parameter(torch.tensor(0.0))  # the logarithm of the temperature
        self.target = policy.entropy * math.log(max(count, 2))
        for weight in self.actor.parameters():
            bound = 1 / math.sqrt(weight.shape[-1])
            weight.data = torch.from_numpy(self.rng.uniform(-bound, bound, weight.shape)).float()
        self.critics.draw(self.rng)
        self.slow.load_state_dict(self.critics.state_dict())
        self.parts = {
            "actor": self.actor,
            "critics": self.critics,
            "heat": nn.ParameterList([self.heat]),
            "slow": self.slow,
        }
        learnt = [*self.actor.parameters(), *self.critics.parameters(), self.heat]
        self.adam = torch.optim.Adam(
            learnt, SPEED, fused=True
        )  # no two losses share a weight, so that one is as good as three
        self.buffer = [
            torch.zeros(ROOM, FEATURES),
            torch.zeros(ROOM, dtype=torch.int64),
            torch.zeros(ROOM),
            torch.zeros(ROOM, FEATURES),
        ]

    def step(self) -> None:
        """Let the devices answer a request each, keep what came of it, and learn from a batch of the buffer."""
        seen = torch.from_numpy(observed(self.devices, self.whole)).float()
        with torch.no_grad():
            shares = self.actor(seen).softmax(1).double().cumsum(1).numpy()
        luck = self.rng.random(LANES)[:, None] * shares[:, -1:]
        chosen = (shares < luck).sum(1)
        seconds, after, self.devices = step(
            self.devices, self.table, chosen, self.whole, self.policy.off, self.rng
        )
        reward = -np.minimum(seconds / self.whole, MOST)
        rows = (self.steps * LANES + np.arange(LANES)) % ROOM
        new = (
            seen,
            torch.from_numpy(chosen),
            torch.from_numpy(reward).float(),
            torch.from_numpy(observed(after, self.whole)).float(),
        )
        for room, values in zip(self.buffer, new, strict=True):
            room[rows] = values
        self.steps += 1
        if self.steps > WARM:
            filled = min(self.steps * LANES, ROOM)
            batch = torch.from_numpy(self.rng.integers(filled, size=BATCH))
            self.learn(*(one[batch] for one in self.buffer))

    def learn(self, seen: Tensor, chosen: Tensor, reward: Tensor, after: Tensor) -> None:
        """One update of critics, actor, temperature and slow critics by a batch of transitions."""
        loss = sum(self.losses(seen, chosen, reward, after), torch.tensor(0.0))
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()
        with torch.no_grad():
            for slow, fast in zip(self.slow.parameters(), self.critics.parameters(), strict=True):
                slow.lerp_(fast, SLOW)

    def losses(
        self, seen: Tensor, chosen: Tensor, reward: Tensor, after: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The losses of critics, actor and temperature by a batch of transitions; none has a gradient for the weights of another."""
        with torch.no_grad():
            target = reward + self.policy.discount * self.value(after)
        asked = self.critics(seen)
        own = asked.gather(2, chosen[None, :, None].expand(2, -1, 1))[..., 0]
        least, log_shares = asked.detach().amin(0), self.actor(seen).log_softmax(1)
        shares = log_shares.exp()
        entropy = -(shares * log_shares).sum(1).mean().detach()
        return (
            (own - target).square().mean(1).sum() / 2,
            (shares * (self.heat.exp().detach() * log_shares - least)).sum(1).mean(),
            self.heat * (entropy - self.target),
        )

    def value(self, seen: Tensor) -> Tensor:
        """The soft value of conditions by the slow critics, (n,)."""
        log_shares = self.actor(seen).log_softmax(1)
        return (log_shares.exp() * (self.slow(seen).amin(0) - self.heat.exp() * log_shares)).sum(1)

    def state(self) -> dict[str, Tensor]:
        """All that the training goes on from."""
        text = json.dumps(self.rng.bit_generator.state).encode()
        state = {"chance": torch.tensor(list(text), dtype=torch.uint8), "steps": torch.tensor(self.steps)}
        state |= {
            f"devices.{name}": torch.from_numpy(np.array(one)) for name, one in self.devices._asdict().items()
        }
        state |= {f"buffer.{place}": one for place, one in enumerate(self.buffer)}
        for part, module in self.parts.items():
            state |= {f"{part}.{name}": one for name, one in module.state_dict().items()}
        for place, moments in self.adam.state_dict()["state"].items():
            state |= {f"adam.{place}.{name}": one for name, one in moments.items()}
        return {name: one.detach().clone() for name, one in state.items()}

    def resume(self, state: dict[str, Tensor]) -> None:
        """Go on from a state."""
        self.rng.bit_generator.state = json.loads(bytes(state["chance"].tolist()))
        self.steps = int(state["steps"])
        self.devices = Devices(*(state[f"devices.{name}"].numpy() for name in Devices._fields))
        self.buffer = [state[f"buffer.{place}"] for place in range(len(self.buffer))]
        for part, module in self.parts.items():
            module.load_state_dict({name: state[f"{part}.{name}"] for name in module.state_dict()})
        whole = self.adam.state_dict()
        for key, one in state.items():
            if key.startswith("adam."):
                _, place, name = key.split(".")
                whole["state"].setdefault(int(place), {})[name] = one
        self.adam.load_state_dict(whole)


class Twins(nn.Module):
    """Two networks of equal shape on the same inputs: (n, first width) to (2, n, last width), with rectifiers between."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        pairs = list(itertools.pairwise(widths))
        self.weights = nn.ParameterList(torch.zeros(2, below, above) for below, above in pairs)
        self.biases = nn.ParameterList(torch.zeros(2, 1, above) for _, above in pairs)

    def draw(self, rng: np.random.Generator) -> None:
        """Give each its first weights, at random."""
        for weight in self.weights:
            bound = 1 / math.sqrt(weight.shape[1])
            weight.data = torch.from_numpy(rng.uniform(-bound, bound, weight.shape)).float()

    def forward(self, x: Tensor) -> Tensor:
        x = x.expand(2, -1, -1)
        for place, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.baddbmm(bias, x if place == 0 else x.relu(), weight)
        return x
