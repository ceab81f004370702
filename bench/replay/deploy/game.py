"""Game: everything that requests of one network meet, but for the policy: arms, costs, answers, link and queues."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.errors import SeesawError
from bench.files import read_plain
from bench.kinds.channel import Conditions
from bench.kinds.split import ARM, Known
from bench.records.circumstances import MOST_MOMENTS
from bench.records.profile import PartTimes
from bench.records.record import Record
from bench.replay.deploy.batches import ALONE, Batching, batching_of
from bench.replay.deploy.crossed import Crossed
from bench.replay.deploy.link import directions
from bench.replay.deploy.steps import Costs, Link, Requests
from bench.replay.streams.stream import Stream
from bench.replay.trace import Trace

KNOWN = 5
"""Every so many-th sample that was sent is known beforehand: arms are described by these, and requests are of the others."""


@dataclass(frozen=True)
class Terms:
    """The circumstances of a deployment beside channel and profiles.

    Attributes:
        reply: bytes of an answer with its confidence, framed.
        report: seconds between the modem's reports of the link's rate; 0 for none.
        battery: joules; 0 for one without end.
        patience: seconds after which the device answers by its own exit; infinite where it always waits.
        largest: requests that the server computes together, at most.
        wait: seconds for which the first of them waits for others, at most.
    """

    reply: int = 64
    report: float = 1.0
    battery: float = 0.0
    patience: float = math.inf
    largest: int = 1
    wait: float = 0.0


@dataclass(frozen=True)
class Game:
    """A network's arms and samples between two profiles.

    Attributes:
        known: what a policy is given beforehand.
        costs: what the loop counts.
        link: both directions of the channel.
        right: whether each arm's answer is right, boolean (arms, samples).
        exit_right: whether each exit's is, boolean (exits, samples).
        players: numbers of the samples that make requests, int64.
        untimed: codecs whose time on a side nobody measured, and that count as taking none, by profile.
        batching: of the server.
        counted: the arms with the seconds that are counted; none where policies know them as they are.
    """

    known: Known
    costs: Costs
    link: Link
    right: np.ndarray
    exit_right: np.ndarray
    players: np.ndarray
    untimed: tuple[str, ...]
    batching: Batching = ALONE
    counted: np.ndarray | None = None

    @property
    def arms(self) -> np.ndarray:
        """Cuts with codecs, records of `ARM`, with the seconds that are counted; `known.arms` has those that policies decide by."""
        return self.known.arms if self.counted is None else self.counted


def game_of(
    run: Record,
    trace: Trace,
    crossed: Crossed,
    device: PartTimes,
    server: PartTimes,
    conditions: Conditions,
    terms: Terms,
) -> Game:
    """The game of one network.

    Args:
        run: the record of its run.
        trace: of its test split.
        crossed: what samples of that split sent.
        device: the device's profile.
        server: the server's.
        conditions: the channel's table.
        terms: the other circumstances.

    Raises:
        SeesawError: the parts are not of one network, too few samples were sent, or the server's batches were not timed.
    """
    cuts, stages = len(run.cuts), [exit_.stage for exit_ in run.exits]
    device.check(cuts, len(stages))
    server.check(cuts, len(stages))
    here = crossed.samples
    stream = Stream.of(trace)
    labels = trace.labels.numpy()[here]
    answers = trace.logits.argmax(2).numpy()[:, here]
    known = np.arange(len(here)) % KNOWN == 0
    if known.all() or not known.any():
        raise SeesawError(
            f"Only {len(here)} samples were sent in this run, and {KNOWN} are needed at least. Measure it with more test samples."
        )
    keys = [*crossed.messages, (cuts - 1, "")]
    codecs = tuple(dict.fromkeys(codec for _, codec in crossed.messages))
    framed = np.stack([*(one.framed for one in crossed.messages.values()), np.zeros_like(here)])
    arm_answers = np.stack([*(one.answers for one in crossed.messages.values()), answers[-1]])
    right = arm_answers == labels
    agrees = arm_answers == answers[-1]
    arms = np.zeros(len(keys), ARM)
    for number, (cut, codec) in enumerate(keys):
        exits = sum(stage < cut for stage in stages)
        arms[number] = (
            cut, codecs.index(codec) if codec else -1, device.device[cut] + device.encoders.get((cut, codec), 0.0),
            sum(device.heads[:exits]), server.server[cut] + server.decoders.get((cut, codec), 0.0),
            framed[number, known].mean(), right[number, known].mean(), agrees[number, known].mean(), exits,
            math.prod(run.cuts[cut].shape), *_macs(run, cut),
        )  # fmt: skip
    inputs = math.prod(run.cuts[0].shape)
    up, down = directions(conditions)
    costs = Costs(
        np.maximum(np.subtract(device.exits, device.heads), 0.0), np.array(device.heads), framed, arm_answers, answers,
        np.ascontiguousarray(stream.confidences[here].T), float(terms.reply), math.nan if device.watts is None else device.watts,
        terms.battery, server.server[0], terms.patience,
    )  # fmt: skip
    has_radio = (
        conditions.watts.any()
        or conditions.joules_per_byte.any()
        or conditions.tail_seconds * conditions.tail_watts
    )
    radio = float(conditions.watts.mean()) if has_radio else math.nan
    estimated = _estimated(arms, device, server)
    known_whole = device.device[-1] if device.estimates is None else device.estimates.device[-1]
    known_reach = costs.reach
    if device.estimates is not None:
        known_reach = np.array([device.estimates.device[stage + 1] for stage in stages])
    untimed = [
        f"{side} ({', '.join(missing)})"
        for side, times in (("encoders", device.encoders), ("decoders", server.decoders))
        if (missing := [codec for codec in codecs if not any(codec == name for _, name in times)])
    ]
    batching = ALONE
    if terms.largest > 1:
        batching = batching_of(arms, server.server, server.batches, terms.largest, terms.wait)
    return Game(
        Known(
            estimated, codecs, inputs, known_whole, (costs.watts, radio), float(conditions.joules_per_byte.mean()),
            (conditions.tail_seconds, conditions.tail_watts), (device.by_layer, server.by_layer),
            known_reach, costs.heads, np.ascontiguousarray(costs.confidences[:, known]), (answers == labels)[:, known],
        ),
        costs,
        Link(up, down, conditions.tail_seconds, conditions.tail_watts, terms.report),
        right,
        answers == labels,
        np.flatnonzero(~known),
        tuple(untimed),
        batching,
        None if estimated is arms else arms,
    )  # fmt: skip


def _estimated(arms: np.ndarray, device: PartTimes, server: PartTimes) -> np.ndarray:
    """The arms with the seconds that policies decide by; those of codecs and heads are as they are."""
    if device.estimates is None and server.estimates is None:
        return arms
    found, cuts = arms.copy(), arms["cut"].astype(int)
    if device.estimates is not None:
        found["device"] += np.subtract(device.estimates.device, device.device)[cuts]
    if server.estimates is not None:
        found["server"] += np.subtract(server.estimates.server, server.server)[cuts]
    return found


def _macs(run: Record, cut: int) -> tuple[float, float]:
    """MACs of the device's part up to a cut and of the rest, that are really computed where the record has them."""
    for name in ("macs.effective.device", "macs.device"):
        readings = [run.cuts[place].readings.get(name) for place in (cut, -1)]
        if all(readings):
            here, whole = (one.value for one in readings if one is not None)
            return here, max(whole - here, 0.0)
    return math.nan, math.nan


def requests_of(
    game: Game,
    kind: str,
    rate: float,
    seconds: float,
    seed: int,
    devices: int,
    moments: np.ndarray | None = None,
    load: float | np.ndarray = 0.0,
) -> Requests:
    """The requests of a deployment; the same seed gives the same ones.

    Args:
        game: whose samples they are of.
        kind: `poisson`, or `regular`: one after the other at equal distances.
        rate: requests a second, on the mean.
        seconds: for which they come.
        seed: of moments, samples and luck.
        devices: that share the server.
        moments: recorded ones, rising from 0, instead of those of `kind`.
        load: of further devices, sent from cut 0: requests a second that arrive at random, or the recorded moments of arrivals.

    Raises:
        SeesawError: no request comes, or more than memory should hold.
    """
    rng = np.random.default_rng([seed, 20])
    if moments is None:
        moments = _moments(kind, rate, seconds, rng)
    count = len(moments)
    if not 0 < count * devices <= MOST:
        raise SeesawError(
            f"{count * devices:,} requests would come in {seconds:g} s. Choose --rate, --seconds and --devices so that there are 1 to "
            f"{MOST:,}."
        )
    luck = 1.0 - rng.random((count, 3))  # above 0, at most 1
    samples = game.players[rng.integers(len(game.players), size=count)]
    others = np.sort(rng.random(count * (devices - 1))) * float(moments[-1] if count > 1 else seconds)
    if isinstance(load, np.ndarray):
        others = np.sort(np.concatenate([others, load]))
    elif load > 0:
        if load * seconds > MOST:
            raise SeesawError(
                f"{load * seconds:,.0f} requests of other devices would come. Choose --load so that there are {MOST:,}."
            )
        others = np.sort(np.concatenate([others, seconds * rng.random(rng.poisson(load * seconds))]))
    return Requests(moments, samples, luck, others)


MOST = 20_000_000
"""The most requests of a deployment, those of other devices included."""


def recorded(path: Path) -> np.ndarray:
    """The moments of requests in a file: seconds from 0, one a line, each no less than the one before.

    Raises:
        SeesawError: it is no such file.
    """
    try:
        words = read_plain(path, 64 * MOST_MOMENTS).decode().split()
        moments = np.array([float(word.strip(',;"').replace(",", ".")) for word in words])
    except (OSError, ValueError, MemoryError) as error:
        raise SeesawError(
            f"{path} is no file of moments ({error}). Write seconds from 0, one a line."
        ) from error
    if not 0 < len(moments) <= MOST_MOMENTS:
        raise SeesawError(f"{path} has {len(moments):,} moments. Give 1 to {MOST_MOMENTS:,}.")
    if not np.isfinite(moments).all() or moments[0] < 0 or (np.diff(moments) < 0).any():
        raise SeesawError(f"The moments in {path} do not rise from 0. Write seconds from 0, one a line.")
    return moments


def _moments(kind: str, rate: float, seconds: float, rng: np.random.Generator) -> np.ndarray:
    if rate * seconds > MOST:
        return np.zeros(MOST + 1)
    if kind == "regular":
        return np.arange(int(rate * seconds)) / rate
    count = rng.poisson(rate * seconds)  # given their number, arrivals of a Poisson process are uniform
    return np.sort(rng.random(count)) * seconds
