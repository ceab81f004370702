"""Samples: what each sample of a configuration takes and sends, from its run's folder; records have means of samples alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bench.records.record import Record
from bench.records.run_files import RunFiles
from bench.replay.plan.configuration import Configuration, Facts
from bench.replay.plan.queue import Arrivals, Work


class Samples(NamedTuple):
    """The samples that requests are of, those left out by which a deployment's policies know their arms.

    Attributes:
        exits: on the device where each leaves; as many as there are exits before the cut for one that is sent, int64 (N,).
        framed: bytes of each where it is sent, int64 (N,).
    """

    exits: np.ndarray
    framed: np.ndarray

    def work(self, facts: Facts, arrivals: Arrivals) -> Work:
        """What requests take, each of a sample; those of a deployment with the same rate, seconds and seed."""
        drawn = arrivals.drawn(len(self.framed))
        exits = self.exits[drawn]
        device = np.array([*facts.reach, facts.seconds])[exits]
        return Work(device, exits == len(facts.reach), self.framed[drawn].astype(float), facts.server)


def samples_of(record: Record, files: RunFiles, configuration: Configuration, facts: Facts) -> Samples | None:
    """The samples of a configuration that sends; None where the run's folder is not here, or lacks what is needed.

    Raises:
        SeesawError: a file in the folder is damaged, or of another network.
    """
    if not (files.test.is_file() and files.crossings.is_file()):
        return None
    from bench.kinds.policy import Policy
    from bench.plugins.plugin import choose
    from bench.replay.deploy.crossed import Crossed
    from bench.replay.deploy.game import KNOWN
    from bench.replay.exits.decide import decide
    from bench.replay.exits.states import load_states
    from bench.replay.trace import Trace

    trace = Trace.load(files.test)
    crossed = Crossed.read(files.crossings, len(record.cuts), len(trace.labels), trace.logits.shape[2])
    message = crossed.messages.get((configuration.cut, configuration.codec))
    players = np.arange(len(crossed.samples)) % KNOWN != 0
    if message is None or not players.any():
        return None
    here = len(facts.reach)
    exits = np.full(len(crossed.samples), here)
    if configuration.policy is not None:
        states = load_states(files.states).get(configuration.policy, []) if files.states.is_file() else []
        if facts.point is None or facts.point >= len(states):
            return None
        policy = choose(Policy, configuration.policy).plugin
        (left,) = decide(policy, [states[facts.point]], trace.logits[:, crossed.samples])
        exits = np.minimum(left.numpy(), here)
    return Samples(exits[players], message.framed[players])
