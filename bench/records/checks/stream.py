"""Checks of a stream record against its own numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from bench.errors import counted
from bench.plugins.listing import bases
from bench.records.checks.parts import (
    code_faults,
    default_faults,
    origin_faults,
    settings_faults,
    spec_faults,
)
from bench.records.compare import SAME
from bench.records.terms import ALL_LAYERS, BASELINES

if TYPE_CHECKING:
    from bench.records.stream import Result, StreamRecord

SMALL = 1e-9
"""The smallest unit of cost that is accepted; the largest is its inverse."""


def contradictions(stream: StreamRecord) -> Iterator[str]:
    """A sentence for each number that others contradict; nothing for a sound one."""
    sentences = [*_parts(stream), *_network(stream), *_entrants(stream), *_arms(stream)]
    yield from sentences
    if not sentences:  # what follows computes with numbers of these shapes
        for result in stream.results:
            yield from _result(stream, result)
        yield from _baselines(stream)


def _parts(stream: StreamRecord) -> Iterator[str]:
    for part in stream.parts:
        if part.digest != part.setup.digest():
            yield f"Its run's settings have the digest {part.setup.digest()}, and it says {part.digest}."
        yield from settings_faults(part.setup)
        if part.setup.weights is None and part.trained not in (None, part.setup.training_digest()):
            yield f"It began from no weights, and names the training {part.trained}, which is not its own."


def _network(stream: StreamRecord) -> Iterator[str]:
    """Parts that follow each other are of one network."""
    if len({part.identity for part in stream.parts}) > 1:
        yield "Its parts are not of one network: their tasks, models, exits or first weights differ."
    for part in stream.parts:
        if not part.right or max(part.right) > part.samples or len(part.right) != len(part.costs):
            yield f"Its exits cannot be right about {part.right} of {counted(part.samples, 'sample')}."
        if part.costs != sorted(part.costs) or part.costs != stream.parts[0].costs:
            yield f"The costs of its exits, {part.costs}, do not rise, or differ from part to part."


def _entrants(stream: StreamRecord) -> Iterator[str]:
    specs = [entrant.spec for entrant in stream.entrants]
    yield from origin_faults(stream.entrants, stream.versions)
    yield from code_faults(stream.commit, stream.dirty)
    for entrant in stream.entrants:
        yield from spec_faults(entrant)
        yield from default_faults("policy", entrant)
        above = bases("policy", entrant.name)
        if above is not None and ("Reference" in above) != entrant.bound:
            yield f"{entrant.spec} is {'no bound' if entrant.bound else 'a bound'}, and stands there as another."
        if not entrant.bound and not math.isclose(entrant.head, float(entrant.settings.get("head", 0.2))):
            yield f"{entrant.spec} is not billed for exits as its settings say."
    pairs = [(result.policy, result.terms) for result in stream.results]
    if len(set(pairs)) != len(pairs) or len(set(specs)) != len(specs) or {*specs} & {*BASELINES}:
        yield "It tells a policy twice."
    if {name for name, _ in pairs} - {*BASELINES} != {*specs}:
        yield "Its policies are not those that it has results of."
    if {(name, terms) for _, terms in pairs for name in BASELINES} - {*pairs} or not pairs:
        yield "It lacks a baseline."


def _arms(stream: StreamRecord) -> Iterator[str]:
    exits, macs = len(stream.parts[0].right), stream.parts[0].costs
    sent = [0.0] if stream.arms == "cuts" else []
    if stream.costs == "layers":
        depths = [float(number) for number in range(1, exits + 1)]
    elif stream.costs == "measured":
        depths = [cost / macs[-1] * exits for cost in macs]
    elif isinstance(stream.costs, list):
        depths = list(stream.costs)
    else:  # a reading's, whose numbers are in the record of the run
        depths = stream.depths[len(sent) :]
        if len(depths) != exits or not math.isclose(depths[-1], exits):
            yield f"By {stream.costs} the last of its {exits} exits does not cost {exits}: {stream.depths}."
    depths = sent + depths
    if len(stream.depths) != len(depths) or not np.allclose(stream.depths, depths, rtol=SAME):
        yield f"The depths of its arms, {stream.depths}, are not what its costs give."
    if depths[len(sent)] < SMALL or depths != sorted(depths):
        yield f"The depths of its arms, {stream.depths}, do not rise from above 0."
    if any(not SMALL <= value <= 1 / SMALL for one in stream.results for value in (one.layer, one.mu)) or any(
        value > 1 / SMALL
        for value in (*stream.depths, *stream.sends, *(one.offload for one in stream.results))
    ):
        yield "Its costs are beyond what one can compute with."
    if len(stream.sends) != len(depths):
        yield f"It has {counted(len(stream.sends), 'cost')} of sending for {counted(len(depths), 'arm')}."


def _result(stream: StreamRecord, result: Result) -> Iterator[str]:
    """A bill follows from the arms that were played and the samples that were sent on."""
    name = f"{result.policy} at offload {result.offload:g}"
    n, passes, prices = stream.samples, stream.passes, stream.prices(result)
    if {len(one) for one in (result.right, result.sent, result.cost, result.regret)} != {passes}:
        yield f"{name} is not told for {counted(passes, 'pass', 'passes')}."
        return
    if len(result.plays) != len(stream.depths) or sum(result.plays) != n * passes:
        yield f"{name} does not play an arm for each of {counted(n, 'sample')} in {counted(passes, 'pass', 'passes')}."
        return
    if max(result.right) > n or max(result.sent) > n:
        yield f"{name} is right about, or sends on, more samples than there are."
    always = result.plays[0] if stream.arms == "cuts" else 0
    if not always <= sum(result.sent) <= sum(result.plays[:-1]):
        yield f"{name} sends on other samples than its arms can."
    total, billed = sum(result.cost) * n, float(np.dot(result.plays, prices.booked))
    sending = sum(result.sent) * prices.booked_send
    if not billed + sending.min() - SAME * total <= total <= billed + sending.max() + SAME * total:
        yield f"{name} is billed {total:g} in all, and its arms come to {billed:g} and what is sent on."
    most = n * (1 + float((prices.compute + prices.send).max()))
    if max(map(abs, result.regret)) > most:
        yield f"{name} regrets more reward than there is."


def _baselines(stream: StreamRecord) -> Iterator[str]:
    """Both baselines stop at the same exits, whatever sending costs and whatever the order of the samples."""
    last = sum(part.right[-1] for part in stream.parts)
    early: dict[float, tuple[int, list[int]]] = {}
    for result in stream.results:
        if result.policy not in BASELINES:
            continue
        name = f"{result.policy} at offload {result.offload:g}"
        if (
            any(result.sent)
            or len(set(result.right)) > 1
            or not _alike(result.cost)
            or not _alike(result.regret)
        ):
            yield f"{name} sends samples on, or differs from pass to pass."
        if result.policy == ALL_LAYERS:
            if result.right[0] != last or any(result.plays[:-1]):
                yield f"{name} is not the last exit, which is right about {last} samples."
        elif early.setdefault(result.alpha, (result.right[0], result.plays)) != (
            result.right[0],
            result.plays,
        ):
            yield f"{name} depends on what sending costs."


def _alike(values: list[float]) -> bool:
    return all(math.isclose(value, values[0], rel_tol=SAME, abs_tol=SAME) for value in values)
