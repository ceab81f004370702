"""A deployment record from policies that have played."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bench.kinds.channel import Conditions
from bench.kinds.split import SplitBound, SplitPolicy
from bench.machine import commit, versions
from bench.plugins.plugin import Choice
from bench.plugins.spec import value_without_folders
from bench.records.circumstances import Circumstances, Side, Way
from bench.records.deployment import BINS, QUANTILES, DeployedArm, DeploymentRecord, Outcome, SplitPlayer
from bench.records.setup import Named
from bench.records.stream import StreamPart
from bench.replay.deploy.game import Game
from bench.replay.deploy.play import Played
from bench.replay.deploy.steps import ANSWERED, ARRIVED, BEGIN, DONE, FINISHED, SENT, SERVED, START


def named(choice: Choice[Any]) -> Named:
    """A plugin as records name it."""
    settings = {key: value_without_folders(one) for key, one in choice.plugin.model_dump(mode="json").items()}
    return Named(name=choice.name, origin=choice.origin, settings=settings, spec=choice.spec)


def way_of(channel: Named, conditions: Conditions, seconds: float) -> Way:
    """The channel as it was used.

    Args:
        channel: its plugin.
        conditions: its table.
        seconds: of the deployment; means are over these.
    """
    columns = ("start", "up", "down", "delay", "loss", "watts", "joules_per_byte")
    digest = hashlib.sha256()
    for name in columns:
        digest.update(np.ascontiguousarray(getattr(conditions, name), "<f8").tobytes())
    digest.update(np.array([conditions.tail_seconds, conditions.tail_watts], "<f8").tobytes())
    widths = np.diff(np.append(np.minimum(conditions.start, seconds), seconds))

    def mean(name: str) -> float:
        return _short(float((getattr(conditions, name) * widths).sum() / seconds))

    radio = bool(
        conditions.watts.any()
        or conditions.joules_per_byte.any()
        or conditions.tail_watts * conditions.tail_seconds
    )
    return Way(
        channel=channel, table=digest.hexdigest()[:12], pieces=len(conditions), up=mean("up"), down=mean("down"),
        delay=mean("delay"), loss=mean("loss"), radio=radio,
    )  # fmt: skip


def player_of(choice: Choice[SplitPolicy]) -> SplitPlayer:
    """A split policy as records name it."""
    return SplitPlayer(**named(choice).model_dump(), bound=isinstance(choice.plugin, SplitBound))


def steps_of(played: Played) -> np.ndarray:
    """Seconds of each step of each request, by `bench.records.deployment.STEPS`, float64 (N, 8)."""
    m = played.moments
    before = [
        played.arrivals,
        m[:, BEGIN],
        m[:, DONE],
        m[:, START],
        m[:, SENT],
        m[:, ARRIVED],
        m[:, SERVED],
        m[:, FINISHED],
    ]
    after = [m[:, place] for place in (BEGIN, DONE, START, SENT, ARRIVED, SERVED, FINISHED, ANSWERED)]
    with np.errstate(invalid="ignore"):  # never less never
        return np.stack(after, 1) - np.stack(before, 1)


def outcome_of(policy: str, played: Played, game: Game, deadline: float | None, seconds: float) -> Outcome:
    """What one policy came to.

    Args:
        policy: its spec.
        played: what became of every request.
        game: that was played.
        deadline: seconds, None for none.
        seconds: for which requests came.
    """
    taken = played.seconds
    answered = np.isfinite(taken)
    in_order = np.sort(taken)
    places = np.ceil(np.linspace(0, len(taken) - 1, QUANTILES)).astype(int)
    bins = np.minimum((played.arrivals / seconds * BINS).astype(int), BINS - 1)
    # an answer at the deadline is in time, whatever the last bit of a difference of moments says
    late = ~answered if deadline is None else ~(taken <= deadline * (1 + 1e-9))
    steps = steps_of(played)[answered]
    compute = float(played.compute.sum())
    return Outcome(
        policy=policy,
        plays=np.bincount(played.arms, minlength=len(game.known.arms)).tolist(),
        exits=np.bincount(played.exits[played.exits >= 0], minlength=len(game.costs.heads)).tolist(),
        answered=int(answered.sum()),
        right=int(played.right.sum()),
        own=int((played.own >= 0).sum()),
        late=int(late.sum()),
        quantiles=[_short(one) if math.isfinite(one) else None for one in in_order[places].tolist()],
        steps=[_short(one) for one in (steps.mean(0) if len(steps) else np.zeros(8)).tolist()],
        bytes=int(played.framed.sum()),
        compute=None if math.isnan(game.costs.watts) else _short(compute),
        radio=_short(float(played.radio.sum())),
        tail=_short(float(played.tails.sum())),
        timeline=_binned(bins[answered], taken[answered]),
        server=_binned(bins, (played.exits < 0).astype(float)),
    )


def _binned(bins: np.ndarray, values: np.ndarray) -> list[float | None]:
    """The mean of each stretch of time; None where there is nothing."""
    counts, sums = np.bincount(bins, minlength=BINS), np.bincount(bins, values, minlength=BINS)
    return [
        _short(total / count) if count else None
        for total, count in zip(sums.tolist(), counts.tolist(), strict=True)
    ]


def record_of(
    seed: int,
    part: StreamPart,
    crossings: str,
    sides: tuple[Side, Side],
    way: Way,
    circumstances: Circumstances,
    game: Game,
    players: Sequence[SplitPlayer],
    played: Mapping[str, Played],
) -> DeploymentRecord:
    """The record of a deployment.

    Args:
        seed: of the network.
        part: the network and its test split.
        crossings: digest of the file of what samples sent.
        sides: the device's profile and the server's.
        way: the channel.
        circumstances: the rest.
        game: that was played.
        players: the policies.
        played: what became of every request, by the policies' specs.
    """
    head, dirty = commit()
    known = game.known
    arms = [
        DeployedArm(
            cut=int(one["cut"]), codec=known.codecs[int(one["codec"])] if one["codec"] >= 0 else "",
            **{key: _short(float(one[key])) for key in ("device", "server", "bytes", "right")},
        )
        for one in game.arms
    ]  # fmt: skip
    outcomes = [
        outcome_of(spec, one, game, circumstances.deadline, circumstances.seconds)
        for spec, one in played.items()
    ]
    record = DeploymentRecord(
        digest="0" * 12, seed=seed, part=part, crossings=crossings, device=sides[0], server=sides[1], way=way,
        circumstances=circumstances, requests=len(next(iter(played.values())).arrivals), arms=arms, players=list(players),
        outcomes=outcomes, versions=versions(), commit=head, dirty=dirty,
    )  # fmt: skip
    return record.model_copy(update={"digest": record.request_digest()})


def _short(value: float) -> float:
    """A number with nine digits: short, and without the rounding of one machine."""
    return float(f"{value:.9g}")
