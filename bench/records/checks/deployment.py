"""Checks of a deployment record against its own numbers, and against the record of its run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bench.errors import SeesawError, counted
from bench.plugins.listing import bases
from bench.records.checks.parts import (
    code_faults,
    default_faults,
    origin_faults,
    settings_faults,
    spec_faults,
)
from bench.records.compare import SAME

if TYPE_CHECKING:
    from bench.records.circumstances import Circumstances, Side
    from bench.records.deployment import DeployedArm, DeploymentRecord, Outcome
    from bench.records.measured import MeasuredDeployment
    from bench.records.reading import Reading
    from bench.records.record import Record
    from bench.records.store import Store
    from bench.records.stream import StreamPart

ALWAYS_DEVICE = "always-device"
"""The reference that sends nothing."""


def contradictions(deployment: DeploymentRecord) -> Iterator[str]:
    """A sentence for each number that others contradict; nothing for a sound one."""
    sentences = [*part_faults(deployment.part), *_plugins(deployment), *_arms(deployment)]
    yield from sentences
    if not sentences:  # what follows computes with numbers of these shapes
        for outcome in deployment.outcomes:
            yield from _counts(deployment, outcome)
            yield from _times(deployment, outcome)
        yield from _references(deployment)


def part_faults(part: StreamPart) -> Iterator[str]:
    """A sentence for each fault of the network's own facts."""
    if part.digest != part.setup.digest():
        yield f"Its run's settings have the digest {part.setup.digest()}, and it says {part.digest}."
    yield from settings_faults(part.setup)
    if part.setup.weights is None and part.trained not in (None, part.setup.training_digest()):
        yield f"It began from no weights, and names the training {part.trained}, which is not its own."
    if not part.right or max(part.right) > part.samples or len(part.right) != len(part.costs):
        yield f"Its exits cannot be right about {part.right} of {counted(part.samples, 'sample')}."


def _plugins(deployment: DeploymentRecord) -> Iterator[str]:
    named = [
        ("channel", deployment.way.channel), ("profile", deployment.device.profile), ("profile", deployment.server.profile),
        *(("split", one) for one in deployment.players),
    ]  # fmt: skip
    yield from origin_faults([one for _, one in named], deployment.versions)
    yield from code_faults(deployment.commit, deployment.dirty)
    for kind, one in named:
        yield from spec_faults(one)
        yield from default_faults(kind, one)
    for player in deployment.players:
        above = bases("split", player.name)
        if above is not None and ("SplitBound" in above) != player.bound:
            yield f"{player.spec} is {'no bound' if player.bound else 'a bound'}, and stands there as another."
    for side in (deployment.device, deployment.server):
        yield from side_faults(side)
    specs = [one.spec for one in deployment.players]
    if len(set(specs)) != len(specs) or sorted(specs) != sorted(one.policy for one in deployment.outcomes):
        yield "Its policies are not those that it has outcomes of, each once."


def side_faults(side: Side) -> Iterator[str]:
    """A sentence for each fault of a profile by itself."""
    if side.profile.name in ("scaled", "published", "predicted") and side.time != "modelled":
        yield f"{side.profile.spec} is a model, and its times stand there as measured."
    if side.profile.name in ("recorded", "published", "profile") and (
        side.by_layer or side.estimates is not None
    ):
        yield f"{side.profile.spec} predicts nothing, and policies decide by predictions."
    if (side.watts is None) != (side.energy == "unknown"):
        yield f"{side.profile.spec} has a power whose source is unknown, or none of a known source."


def request_faults(c: Circumstances, n: int) -> Iterator[str]:
    """A sentence for each contradiction of what was asked and the number of requests that came."""
    expected = c.rate * c.seconds
    if c.fallback and c.deadline is None:
        yield "Its device answers by its own exit at the deadline, and there is none."
    if len(c.moments) != (n if c.arrivals == "recorded" else 0) or c.moments != sorted(c.moments):
        yield f"It holds {counted(len(c.moments), 'moment')} of {counted(n, 'request')} that came {c.arrivals}, or they do not rise."
    if c.arrivals != "recorded" and abs(n - expected) > (
        1 if c.arrivals == "regular" else 7 * math.sqrt(expected) + 1
    ):
        yield f"{n} requests came, and {c.rate:g} a second for {c.seconds:g} s are {expected:g}."


def _arms(deployment: DeploymentRecord) -> Iterator[str]:
    yield from request_faults(deployment.circumstances, deployment.requests)
    yield from _batches(deployment)
    cuts, exits = len(deployment.device.device), len(deployment.part.right)
    for name, side in (("device", deployment.device), ("server", deployment.server)):
        if (len(side.device), len(side.server), len(side.exits), len(side.heads)) != (
            cuts,
            cuts,
            exits,
            exits,
        ) or cuts < 2:
            yield f"The profile of the {name} is not of {counted(cuts, 'cut')} and {counted(exits, 'exit')}."
            return
        if side.estimates is not None and (
            {len(side.estimates.device), len(side.estimates.server)} != {cuts}
            or side.estimates.device[0]
            or side.estimates.server[-1]
        ):
            yield f"The seconds of the {name} that policies decide by are not of {counted(cuts, 'cut')}."
    pairs = [(arm.cut, arm.codec) for arm in deployment.arms]
    last = cuts - 1
    if (
        pairs[-1] != (last, "")
        or len(set(pairs)) != len(pairs)
        or any(not codec or cut >= last for cut, codec in pairs[:-1])
    ):
        yield "Its arms are not cuts with codecs, each once, and the whole network on the device as the last."
        return
    for arm in deployment.arms:
        yield from arm_faults(arm, deployment.device, deployment.server)


def arm_faults(arm: DeployedArm, device: Side, server: Side) -> Iterator[str]:
    """A sentence for each time of an arm that is not that of its profile."""
    encoder, decoder = _codec_seconds(device, server, arm.cut, arm.codec)
    if not math.isclose(arm.device, device.device[arm.cut] + encoder, rel_tol=SAME, abs_tol=1e-12):
        yield f"The device's part of {arm.name} takes {arm.device:g} s, and its profile says otherwise."
    if not math.isclose(arm.server, server.server[arm.cut] + decoder, rel_tol=SAME, abs_tol=1e-12):
        yield f"The server's part of {arm.name} takes {arm.server:g} s, and its profile says otherwise."


def _batches(deployment: DeploymentRecord) -> Iterator[str]:
    """What the server computes together, and what further devices send."""
    c, sizes = deployment.circumstances, [size for size, _ in deployment.server.batches]
    largest = 1 if c.batching is None else c.batching.largest
    if deployment.device.batches or sizes != sorted(set(sizes)):
        yield "It has times of batches of the device, or the server's sizes do not rise."
    if (largest == 1 and sizes) or (largest > 1 and (not sizes or sizes[-1] < largest)):
        yield f"Its server computes up to {largest} requests together, and its profile has batches of {sizes}."
    if len(sizes) > 1 and sizes[-2] >= largest:
        yield f"Its server computes up to {largest} requests together, and batches of {sizes[-1]} are of no use."
    for size, batch in deployment.server.batches:
        if len(batch) != len(deployment.server.server) or batch[-1] != 0:
            yield f"Its server's times of batches of {size} are not of its cuts."
    if c.load_moments != sorted(c.load_moments) or (c.load is not None and c.load_moments):
        yield "The requests of further devices do not rise, or come at random and at recorded moments."


def _codec_seconds(device: Side, server: Side, cut: int, codec: str) -> tuple[float, float]:
    """The seconds of a codec on both sides; 0 where it was not timed."""
    encoders = {(k, name): seconds for k, name, seconds in device.encoders}
    decoders = {(k, name): seconds for k, name, seconds in server.decoders}
    return encoders.get((cut, codec), 0.0), decoders.get((cut, codec), 0.0)


def _counts(deployment: DeploymentRecord, outcome: Outcome) -> Iterator[str]:
    name, n = outcome.policy, deployment.requests
    if len(outcome.plays) != len(deployment.arms) or sum(outcome.plays) != n:
        yield f"{name} does not choose an arm for each of {counted(n, 'request')}."
        return
    if len(outcome.exits) != len(deployment.part.right):
        yield f"{name} has answers of {counted(len(outcome.exits), 'exit')}."
        return
    if not outcome.plays[-1] <= sum(outcome.exits) <= n or outcome.sent > sum(outcome.plays[:-1]):
        yield f"{name} sends other requests than its arms can."
    if outcome.right > outcome.answered or not n - outcome.sent <= outcome.answered <= n:
        yield f"{name} is right about more requests than are answered, or leaves more unanswered than it sends."
    if outcome.late < n - outcome.answered or outcome.late > n:
        yield f"{name} has {counted(outcome.late, 'late answer')} of {n}, and {n - outcome.answered} never came."
    if outcome.own > outcome.sent or (outcome.own and not deployment.circumstances.fallback):
        yield f"{name} has {counted(outcome.own, 'answer')} of the device at the deadline, more than it sends or than was asked for."
    if deployment.circumstances.deadline is None and outcome.late != n - outcome.answered:
        yield f"{name} has late answers, and there is no deadline."
    if (outcome.bytes > 0) != (outcome.sent > 0) or (outcome.radio + outcome.tail > 0) > (outcome.sent > 0):
        yield f"{name} sends bytes or spends the radio's energy without sending a request, or the other way round."
    if not deployment.way.radio and outcome.radio + outcome.tail > 0:
        yield f"{name} spends energy of a radio that takes none."
    shares = {share for share in outcome.server if share is not None}
    if (outcome.sent in (0, n) and shares - {outcome.sent / n}) or not min(shares) <= outcome.sent / n <= max(
        shares
    ):
        yield f"{name} sends {counted(outcome.sent, 'request')} of {n}, and its time line says otherwise."
    if (outcome.compute is None) != (deployment.device.watts is None):
        yield f"{name} has an energy of computing without a power of the device, or none with one."


def _times(deployment: DeploymentRecord, outcome: Outcome) -> Iterator[str]:
    name, n, quantiles = outcome.policy, deployment.requests, outcome.quantiles
    known = [value for value in quantiles if value is not None]
    if known != sorted(known) or None in quantiles[: len(known)]:
        yield f"The percentiles of {name} do not rise."
        return
    if (len(known) < len(quantiles)) != (outcome.answered < n):
        yield f"{name} has requests without an answer, or none, and its percentiles say otherwise."
    if outcome.answered == n:
        means = [outcome.mean, *(value for value in outcome.timeline if value is not None)]
        if not known[0] * (1 - SAME) <= min(means) <= max(means) <= known[-1] * (1 + SAME):
            yield f"A mean of {name} is not within its percentiles, {known[0]:g} to {known[-1]:g} s."
    deadline = deployment.circumstances.deadline
    if deadline is not None:
        late = outcome.late / n
        for place in (50, 95, 99):
            value = quantiles[place]
            is_late = value is None or value > deadline * (1 + SAME)
            if is_late and late < (99 - place) / 100 - 1 / n:
                yield f"{place}% of {name} take longer than the deadline, and only {late:.1%} are late."
            if value is not None and value < deadline * (1 - SAME) and late > (101 - place) / 100 + 1 / n:
                yield f"{place}% of {name} are in time, and {late:.1%} are late."
    if outcome.sent == 0 and any(outcome.steps[2:]):
        yield f"{name} sends nothing, and spends time on the way."
    watts, device = deployment.device.watts, outcome.steps[1]
    joules = outcome.compute if outcome.answered == n else None
    if (
        watts
        and joules is not None
        and not math.isclose(joules, watts * device * n, rel_tol=1e-5, abs_tol=1e-12)
    ):
        yield f"{name} computes for {device:g} s a request at {watts:g} W, and spends {joules:g} J in all."


def _references(deployment: DeploymentRecord) -> Iterator[str]:
    """What sends nothing is the whole network on the device, whatever the link."""
    for outcome in deployment.outcomes:
        if outcome.policy == ALWAYS_DEVICE and (outcome.sent or outcome.plays[-1] != deployment.requests):
            yield f"{ALWAYS_DEVICE} sends requests."


def disputes(deployment: DeploymentRecord, store: Store) -> Iterator[str]:
    """A sentence for each number that the run's record contradicts; none where the store lacks that record."""
    yield from run_disputes(deployment, deployment.arms[:-1], store)


def run_disputes(
    file: DeploymentRecord | MeasuredDeployment, arms: Sequence[DeployedArm], store: Store
) -> Iterator[str]:
    """A sentence for each number of a file on a deployment that the run's record contradicts.

    Args:
        file: with the network's facts and both profiles.
        arms: that send something.
        store: of the run's record; nothing is said where it lacks that.
    """
    path = store.run_record(file.setup, file.seed)
    if not path.is_file():
        return
    try:
        run = store.run(path)
    except SeesawError as error:
        yield str(error)
        return
    if reason := store.contested(path, run.faults(path, store.records)):
        yield f"The record of its run is contested: {reason}"
    else:
        yield from _against(file, arms, run, str(path))


def _against(
    file: DeploymentRecord | MeasuredDeployment, arms: Sequence[DeployedArm], run: Record, path: str
) -> Iterator[str]:
    part, cuts = file.part, len(file.device.device)
    macs = [exit_.readings.get("macs.effective") for exit_ in run.exits]
    if run.right() != (part.samples, part.right):
        yield f"It says that the exits are right about {part.right} samples, and {path} does not."
        return
    if all(macs) and [one.value for one in macs if one is not None] != part.costs:
        yield f"Its exits cost {part.costs} MACs, and by {path} they do not."
    if len(run.cuts) != cuts:
        yield f"It has {counted(cuts, 'cut')}, and {path} has {len(run.cuts)}."
        return
    for arm in arms:
        if f"framed.{arm.codec}" not in run.cuts[arm.cut].readings:
            yield f"It sends at cut {arm.cut} through {arm.codec}, and {path} does not."
    for name, side in (("device", file.device), ("server", file.server)):
        if side.profile.name == "recorded" and not _is_of(side, run):
            yield f"The {name}'s profile is the run's own, and {path} has other times."


def _is_disturbed(run: Record) -> bool:
    """Whether other programs had the processor while one of a run's latencies was taken."""
    parts = (*run.cuts, *run.exits)
    return any(
        not one.is_reliable
        for part in parts
        for name, one in part.readings.items()
        if name.startswith("latency")
    )


def _is_of(side: Side, run: Record) -> bool:
    """Whether a side's seconds are those of a run's record."""

    def close(one: float, reading: Reading | None) -> bool:
        return reading is not None and math.isclose(one, reading.value, rel_tol=SAME)

    return (
        side.device[0] == side.server[-1] == 0
        and not any(side.heads)
        and side.disturbed == _is_disturbed(run)
        and not side.encoders
        and not side.decoders
        and not side.batches
        and all(
            close(one, cut.readings.get("latency.device"))
            for one, cut in zip(side.device[1:], run.cuts[1:], strict=True)
        )
        and all(
            close(one, exit_.readings.get("latency"))
            for one, exit_ in zip(side.exits, run.exits, strict=True)
        )
        and all(
            close(one, cut.readings.get("latency.server"))
            for one, cut in zip(side.server[:-1], run.cuts[:-1], strict=True)
        )
    )
