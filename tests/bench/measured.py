"""Measured deployments without processes: made networks, and answers that took so many times as long as predicted."""

import numpy as np
from torch import zeros

from bench import Channel, Profile, SplitPolicy, choose
from bench.measuring.real import Asked
from bench.records.answers import WORDS
from bench.records.circumstances import Circumstances
from bench.records.run_files import RunFiles
from bench.replay.deploy.deployment import Deployment, network_of, side_of
from bench.replay.deploy.predict import ADDED, answers_of, due_of, predicted, samples_of
from bench.runs.real import Real, measured_record
from bench.shipping.serving.device import Answer
from tests.bench.crossed import made_crossings


def measured(
    traced, home, store, seed=0, slower=1.1, policy="fixed[cut=1,codec=int8]", channel="constant[up=0.2,rtt=20]", others=0.02,
    right=(160, 180), **changes,
):  # fmt: skip
    """The record of a made network, whose answers took `slower` times as long; `changes` are circumstances."""
    folder = traced(home, seed, right=right)
    made_crossings(folder / "crossings.safetensors", right)
    network = network_of(RunFiles(folder), store)
    side = side_of(choose(Profile, "recorded"), network.run)
    circumstances = Circumstances.model_validate(
        {"arrivals": "poisson", "rate": 8.0, "seconds": 5.0, "order_seed": 0, "devices": 1, "reply": 64, "report": 1.0,
         "battery": 0.0, "deadline": None} | changes
    )  # fmt: skip
    made = Deployment.of(network, choose(Channel, channel), (side, side), circumstances)
    due = due_of(made, 1.25)
    played = predicted(made, choose(SplitPolicy, policy), due, ADDED)
    told = answers_of(played, ADDED)
    asked = [
        Asked(None, float("inf")) if one is None else Asked(_answer(told, n), slower * one)
        for n, one in enumerate(told.seconds)
    ]
    return measured_record(
        made, policy, Real(due, samples_of(made), played, asked, np.array(played.right), others)
    ).sealed()


def _answer(told, number):
    """The answer that was predicted, as a device gives it."""
    exit_ = told.exits[number]
    return Answer(
        0, zeros(3), WORDS[told.places[number]], None if exit_ < 0 else exit_, 1, told.seconds[number], told.device[number],
        told.server[number], told.bytes[number],
    )  # fmt: skip
