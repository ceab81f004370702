"""A small network to deploy, without training: its record, and a game of random samples over a link with outages."""

from __future__ import annotations

import numpy as np

from bench.kinds.channel import Conditions
from bench.kinds.split import ARM, Known
from bench.records.reading import Reading
from bench.records.record import Cut, Exit, Record
from bench.records.setup import Named, Setup
from bench.replay.deploy.game import Game
from bench.replay.deploy.link import directions
from bench.replay.deploy.steps import Costs, Link

CUTS, EXITS, SAMPLES = 4, 2, 30


def small_record() -> Record:
    """The record of a network of three stages with two exits: MACs and latencies, and nothing else."""

    def named(name: str) -> Named:
        return Named(name=name, origin="made", settings={}, spec=name)

    def readings(name: str, value: float, unit: str) -> dict[str, Reading]:
        return {name: Reading(value=value, unit=unit, source="made")}

    setup = Setup(
        task=named("blobs"), task_version=1, task_identity={}, backbone=named("mlp"), method=named("dense"), exits=named("joint"),
        policies=[], codecs=[], meters=[], recipe={"epochs": 1}, device="cpu", weights=None,
    )  # fmt: skip
    cuts = [
        Cut(
            before=k, shape=[16 // (k + 1)],
            readings=readings("macs.device", 1e6 * k, "MAC")
            | (readings("latency.device", 1e-3 * k, "s") if k else {})
            | (readings("latency.server", 1e-3 * (CUTS - 1 - k), "s") if k < CUTS - 1 else {}),
        )
        for k in range(CUTS)
    ]  # fmt: skip
    exits = [
        Exit(
            stage=stage,
            readings=readings("macs", 1e6 * (stage + 1), "MAC")
            | readings("latency", 1e-3 * (stage + 1), "s"),
        )
        for stage in (1, 2)
    ]
    return Record(
        digest=setup.digest(), seed=0, setup=setup, budget=1.0, exits=exits, cuts=cuts, curves=[], layers=[], net={}, absent={},
        notes={}, training=[], seconds={}, machine={"processor": "made"}, versions={}, commit=None, dirty=None,
    )  # fmt: skip


def small_game(seed: int = 0) -> Game:
    """A game of that network with two codecs at each cut."""
    rng = np.random.default_rng(seed)
    keys = [(cut, codec) for cut in range(CUTS - 1) for codec in (0, 1)] + [(CUTS - 1, -1)]
    framed = np.array([[1200 // (1 + cut) // (1 + max(codec, 0))] * SAMPLES for cut, codec in keys])
    framed = framed + rng.integers(0, 40, framed.shape)
    framed[-1] = 0
    labels = rng.integers(0, 4, SAMPLES)
    exit_answers = np.where(rng.random((EXITS, SAMPLES)) < [[0.7], [0.9]], labels, (labels + 1) % 4)
    answers = np.repeat(exit_answers[-1:], len(keys), 0)
    right = answers == labels
    arms = np.zeros(len(keys), ARM)
    for number, (cut, codec) in enumerate(keys):
        exits = sum(stage < cut for stage in (1, 2))
        arms[number] = (
            cut, codec, 0.01 * cut, 0.001 * exits, 0.001 * (CUTS - 1 - cut), framed[number].mean(), right[number].mean(), 1.0, exits,
            16 // (cut + 1), 1e6 * cut, 1e6 * (CUTS - 1 - cut),
        )  # fmt: skip
    start = np.arange(0.0, 60.0)
    up = rng.lognormal(10, 1, len(start)) * (rng.random(len(start)) > 0.1) + 50
    conditions = Conditions.of(start, up, delay=0.01, loss=0.05, watts=1.2, tail_seconds=0.5, tail_watts=0.8)
    costs = Costs(
        np.array([0.02, 0.03]), np.array([0.001, 0.0]), framed, answers, exit_answers, np.sort(rng.random((EXITS, SAMPLES)), 0), 64.0,
        2.0, 0.0, 0.003, np.inf,
    )  # fmt: skip
    known = Known(
        arms, ("float32", "int8"), 16, 0.03, (2.0, 1.2), reach=costs.reach, heads=costs.heads, confidences=costs.confidences,
        exit_right=exit_answers == labels,
    )  # fmt: skip
    link = Link(*directions(conditions), conditions.tail_seconds, conditions.tail_watts, 1.0)
    return Game(known, costs, link, right, exit_answers == labels, np.arange(SAMPLES), ())
