"""Prediction of requests that are really answered: as replay computes them, for the moments at which they really were due."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.errors import SeesawError
from bench.kinds.channel import Channel
from bench.kinds.split import SplitPolicy
from bench.plugins.plugin import Choice, choose
from bench.records.answers import EXIT, FALLBACK, NEVER, SERVER, Answers, Totals, rounded
from bench.records.deployment import DeployedArm
from bench.records.measured import MeasuredDeployment
from bench.records.setup import spec_of
from bench.records.store import Store
from bench.replay.deploy.deployment import Deployment, network_of
from bench.replay.deploy.game import Game
from bench.replay.deploy.play import Played, play
from bench.replay.deploy.steps import ARRIVED, BEGIN, DONE, FINISHED

ADDED = 80, 70
"""Bytes that a call adds to a message, and an answer with its trailers to the 64 bytes that replay takes for it: frames and headers of
HTTP/2, and fields of the protocol. Counted by a link over 30 calls of grpcio 1.85 (1,128 up for 1,048, and 133 down)."""


def due_of(deployment: Deployment, begin: float) -> np.ndarray:
    """The moments of a deployment's requests, float64 (N,), where the first second begins so many after the channel's table."""
    return np.round(deployment.requests.arrivals + begin, 9)


def samples_of(deployment: Deployment) -> np.ndarray:
    """Places in the test split of the samples of a deployment's requests, int64 (N,)."""
    return deployment.network.crossed.samples[deployment.requests.samples]


def predicted(
    deployment: Deployment, policy: Choice[SplitPolicy], due: np.ndarray, added: tuple[int, int]
) -> Played:
    """What replay computes for the requests of a deployment.

    Args:
        deployment: with its requests.
        policy: a fixed one.
        due: their moments, float64 (N,).
        added: bytes around a message, and around an answer.
    """
    return play(policy.plugin, _enveloped(deployment.game, added), deployment.requests._replace(arrivals=due))


def _enveloped(game: Game, added: tuple[int, int]) -> Game:
    """A game whose messages have something around them, there and back."""
    framed = np.where(game.costs.framed > 0, game.costs.framed + added[0], 0)
    return replace(game, costs=game.costs._replace(framed=framed, reply=game.costs.reply + added[1]))


def answers_of(played: Played, added: tuple[int, int]) -> Answers:
    """What was predicted, as records hold it."""
    seconds, m = played.seconds, played.moments
    exits = np.where(played.exits >= 0, played.exits, played.own)
    is_server = (exits < 0) & np.isfinite(seconds)
    places = np.select([played.exits >= 0, played.own >= 0, is_server], [EXIT, FALLBACK, SERVER], NEVER)
    with np.errstate(invalid="ignore"):  # never less never
        server = np.where(is_server, m[:, FINISHED] - m[:, ARRIVED], 0.0)
    return Answers(
        seconds=[rounded(one) if np.isfinite(one) else None for one in seconds.tolist()],
        places="".join(places.tolist()),
        exits=exits.tolist(),
        right="".join("1" if one else "0" for one in played.right.tolist()),
        device=[rounded(one) for one in (m[:, DONE] - m[:, BEGIN]).tolist()],
        server=[rounded(one) for one in server.tolist()],
        bytes=np.where(played.framed > 0, played.framed - added[0], 0).tolist(),
    )


def arm_of(deployment: Deployment, played: Played) -> DeployedArm:
    """The arm that a fixed policy has taken, as policies know it.

    Raises:
        SeesawError: it took several.
    """
    taken = np.unique(played.arms)
    if len(taken) != 1:
        raise SeesawError("Requests were cut at several places. Give a policy that is fixed.")
    known = deployment.game.known
    one = known.arms[taken[0]]
    codec = known.codecs[int(one["codec"])] if one["codec"] >= 0 else ""
    numbers = {key: float(f"{float(one[key]):.9g}") for key in ("device", "server", "bytes", "right")}
    return DeployedArm(cut=int(one["cut"]), codec=codec, **numbers)


def again(record: MeasuredDeployment, store: Store, **unused: object) -> MeasuredDeployment:
    """The predicted half of a measured deployment once more, from the files of its run; its measured half as it is.

    Args:
        record: a sound one.
        store: of its run's record and files.
        unused: arguments that other kinds of files need to be made again.

    Raises:
        SeesawError: a plugin is a draft, a file of the run is missing or another one, or the channel gives another table.
    """
    files = store.run_files(store.run_record(record.setup, record.seed))
    channel, policy = (
        choose(Channel, spec_of(record.way.channel)),
        choose(SplitPolicy, spec_of(record.policy)),
    )
    network = network_of(files, store)
    if network.digest != record.crossings:
        raise SeesawError(
            f"{files.crossings} is not the file that this was predicted from: the run was measured again since. Measure anew: "
            "seesaw deploy --real --keep."
        )
    deployment = Deployment.of(network, channel, (record.device, record.server), record.asked)
    way = deployment.way()
    if way.table != record.way.table:
        raise SeesawError(
            f"{record.way.channel.spec} gives another table here (digest {way.table}, recorded {record.way.table}). Use the same "
            "recording and version."
        )
    due = due_of(deployment, record.due[0] - float(deployment.requests.arrivals[0]))
    played = predicted(deployment, policy, due, record.added)
    answers = answers_of(played, record.added)
    return record.model_copy(update={
        "requests": len(due), "due": due.tolist(), "samples": samples_of(deployment).tolist(), "way": way,
        "arm": arm_of(deployment, played), "predicted": answers, "totals": {**record.totals, "predicted": Totals.of(answers)},
    })  # fmt: skip
