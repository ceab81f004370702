"""Report of a deployment: one CSV file with a line for each request and policy."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from bench.files import write_whole
from bench.records.deployment import STEPS
from bench.replay.deploy.game import Game
from bench.replay.deploy.play import Played
from bench.replay.deploy.recording import steps_of
from bench.replay.deploy.steps import Requests

HEADS = (
    "policy", "request", "sample", "at", "cut", "codec", "exit", "right", "bytes", "seconds", *(f"{step}, s" for step in STEPS),
    "compute, J", "radio, J", "tail, J",
)  # fmt: skip
"""Columns. `exit` is the exit that answered on the device, at the deadline where bytes were sent, empty where the server did; `at` and the steps are in seconds."""


def write_requests(
    path: Path, game: Game, requests: Requests, places: Mapping[int, int], played: Mapping[str, Played]
) -> None:
    """Write what became of every request, whole or not at all.

    Args:
        path: the file.
        game: that was played.
        requests: that came.
        places: of samples in the test split, by their number in the game.
        played: by policy.

    Raises:
        SeesawError: the file cannot be written.
    """
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(HEADS)
    known = game.known
    cuts = known.arms["cut"].astype(int).tolist()
    codecs = [
        known.codecs[number] if number >= 0 else "" for number in known.arms["codec"].astype(int).tolist()
    ]
    samples = [places[one] for one in requests.samples.tolist()]
    for policy, one in played.items():
        steps = steps_of(one).tolist()
        columns = (
            one.arms,
            np.maximum(one.exits, one.own),
            one.right,
            one.framed,
            one.seconds,
            one.compute,
            one.radio,
            one.tails,
            one.arrivals,
        )
        for number, (arm, exit_, right, framed, taken, compute, radio, tail, at) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True)
        ):
            lines.writerow([
                policy, number, samples[number], at, cuts[arm], codecs[arm], exit_ if exit_ >= 0 else "", int(right), framed,
                taken, *steps[number], "" if math.isnan(compute) else compute, radio, tail,
            ])  # fmt: skip
    write_whole(path, text.getvalue().encode(), "--out")
