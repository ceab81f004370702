"""Checks of a measured deployment against its own numbers, and against the record of its run."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bench.errors import counted
from bench.plugins.listing import bases
from bench.records.answers import EXIT, FALLBACK, HALVES, NEVER, SERVER, Answers, Totals
from bench.records.checks.deployment import (
    arm_faults,
    part_faults,
    request_faults,
    run_disputes,
    side_faults,
)
from bench.records.checks.parts import code_faults, default_faults, origin_faults, spec_faults
from bench.records.compare import SAME

if TYPE_CHECKING:
    from bench.records.measured import MeasuredDeployment
    from bench.records.store import Store

CLOCKS = 1e-4
"""Seconds by which the clocks of two processes of one machine may differ over a request."""


def contradictions(measured: MeasuredDeployment) -> Iterator[str]:
    """A sentence for each number that others contradict; nothing for a sound one."""
    sentences = [*part_faults(measured.part), *_plugins(measured), *_requests(measured), *_arm(measured)]
    sentences = sentences or [
        one for half in HALVES for one in _lengths(half, getattr(measured, half), measured.requests)
    ]
    yield from sentences
    if not sentences:  # what follows computes with lists of these lengths
        for half in HALVES:
            yield from _answers(half, getattr(measured, half), measured)
        yield from _link(measured)


def _plugins(measured: MeasuredDeployment) -> Iterator[str]:
    named = [
        ("channel", measured.way.channel), ("profile", measured.device.profile), ("profile", measured.server.profile),
        ("split", measured.policy),
    ]  # fmt: skip
    yield from origin_faults([one for _, one in named], measured.versions)
    yield from code_faults(measured.commit, measured.dirty)
    for kind, one in named:
        yield from spec_faults(one)
        yield from default_faults(kind, one)
    if "SplitBound" in (bases("split", measured.policy.name) or ()):
        yield f"{measured.policy.spec} is a bound, which sees what no device sees, and no device followed it."
    for side in (measured.device, measured.server):
        yield from side_faults(side)


def _requests(measured: MeasuredDeployment) -> Iterator[str]:
    c, n = measured.asked, measured.requests
    yield from request_faults(c, n)
    if c.devices > 1 or c.batching is not None or c.load is not None or c.load_moments or c.battery:
        yield "It has several devices, batches, load or a battery, and was answered by one device and a server that takes one by one."
    if (c.deadline is None) == c.fallback:
        yield "A real device answers by its own exit at its deadline, and it has the one without the other."
    if len(measured.due) != n or len(measured.samples) != n:
        yield f"It holds {len(measured.due)} moments and {counted(len(measured.samples), 'sample')} of {counted(n, 'request')}."
        return
    if measured.due != sorted(measured.due) or max(measured.samples) >= measured.part.samples:
        yield "The moments of its requests do not rise, or it names samples that the test split has not."
    apart = [one - other for one, other in zip(measured.due[1:], measured.due[:-1], strict=True)]
    if c.arrivals == "regular" and any(not math.isclose(one, 1 / c.rate, abs_tol=1e-6) for one in apart):
        yield f"Its requests came at equal distances of {1 / c.rate:g} s, and their moments do not."
    if measured.due[-1] - measured.due[0] > c.seconds * (1 + SAME):
        yield f"Its requests came for {c.seconds:g} s, and their moments are further apart."


def _arm(measured: MeasuredDeployment) -> Iterator[str]:
    cuts, exits = len(measured.device.device), len(measured.part.right)
    for name, side in (("device", measured.device), ("server", measured.server)):
        if (len(side.device), len(side.server), len(side.exits), len(side.heads)) != (
            cuts,
            cuts,
            exits,
            exits,
        ):
            yield f"The profile of the {name} is not of {counted(cuts, 'cut')} and {counted(exits, 'exit')}."
            return
        if side.batches:
            yield f"The profile of the {name} has times of batches, and nothing was computed together."
    arm, settings = measured.arm, measured.policy.settings
    if not arm.codec or arm.cut >= cuts - 1:
        yield f"Its arm is {arm.name}, where nothing is sent."
        return
    if (settings.get("cut"), settings.get("codec")) != (arm.cut, arm.codec):
        yield f"{measured.policy.spec} cuts elsewhere than {arm.name}."
    yield from arm_faults(arm, measured.device, measured.server)


def _lengths(half: str, answers: Answers, n: int) -> Iterator[str]:
    lists = (
        answers.seconds,
        answers.places,
        answers.exits,
        answers.right,
        answers.device,
        answers.server,
        answers.bytes,
    )
    if {len(one) for one in lists} != {n}:
        yield f"What it {half} is not of {counted(n, 'request')}."


def _answers(half: str, answers: Answers, measured: MeasuredDeployment) -> Iterator[str]:
    """One half: each request by itself, and their totals."""
    exits, fallback = len(measured.part.right), measured.asked.fallback
    for number, (taken, place, exit_, right, device, server, size) in enumerate(
        zip(
            answers.seconds, answers.places, answers.exits, answers.right, answers.device, answers.server, answers.bytes,
            strict=True,
        )
    ):  # fmt: skip
        name = f"Request {number}, as {half},"
        if (place == NEVER) != (taken is None):
            yield f"{name} has a time to its answer and none, or no time and one."
        if (place in (EXIT, FALLBACK)) != (exit_ >= 0) or exit_ >= exits:
            yield f"{name} was answered by exit {exit_} at {place!r}."
        if place == NEVER and right == "1":
            yield f"{name} is right without an answer."
        if (place == EXIT and size) or (place == SERVER and not size):
            yield f"{name} sent {counted(size, 'byte')}, and was answered at {place!r}."
        if place == FALLBACK and not fallback:
            yield f"{name} was answered by the device at the deadline, which nobody asked for."
        if place != SERVER and server:
            yield f"{name} took {server:g} s of the server, which did not answer."
        if taken is not None and device + server > taken + CLOCKS:
            yield f"{name} took {device:g} s of the device and {server:g} s of the server, and {taken:g} s in all."
    totals, own = Totals.of(answers), measured.totals.get(half)  # pyright: ignore[reportArgumentType, reportCallIssue]
    if own is None:
        yield f"It has no totals of what it {half}."
        return
    for key in Totals.model_fields:
        if not _same(getattr(totals, key), getattr(own, key)):
            yield f"Its answers, as {half}, come to {key} {_words(getattr(totals, key))}, and it says {_words(getattr(own, key))}."


def _same(one: object, other: object) -> bool:
    """Whether two totals are the same but for rounding."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=SAME, abs_tol=2e-9)
    return one == other


def _words(total: object) -> str:
    return "others" if isinstance(total, list) else str(total)


def _link(measured: MeasuredDeployment) -> Iterator[str]:
    """Nothing passes a link faster than its rate and delay allow."""
    way, reply = measured.way, measured.asked.reply
    if way.pieces > 1 or not way.up or not way.down:
        return  # a mean says nothing of one moment
    for half in HALVES:
        answers = getattr(measured, half)
        answered = zip(answers.seconds, answers.places, answers.bytes, strict=True)
        for number, (taken, place, size) in enumerate(answered):
            least = size / way.up + 2 * way.delay + (reply / way.down if half == "predicted" else 0.0)
            if place == SERVER and taken is not None and taken < least * (1 - 1e-3) - CLOCKS:
                yield f"Request {number}, as {half}, was answered in {taken:g} s, and its link alone takes {least:g} s."


def disputes(measured: MeasuredDeployment, store: Store) -> Iterator[str]:
    """A sentence for each number that the run's record contradicts; none where the store lacks that record."""
    yield from run_disputes(measured, [measured.arm], store)
