"""Checks of training's rows: steps against the budget, learning rates against the schedule, MACs against the network."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from bench.records.checks.parts import value, whole
from bench.records.compare import SAME
from bench.records.setup import Recipe, has_constant_masks

if TYPE_CHECKING:
    from bench.records.record import EpochRow, Record

CLOSE = 1e-6
"""The share by which a learning rate may differ from its schedule's."""
EQUAL = 1e-9
"""The share by which sums of equal MACs may differ."""
MOST_LOOKS = 1_000_000
"""So many ends of schedules and rates are looked at before rows count as of none: ten times the epochs that a recipe may have."""


def training_faults(record: Record) -> Iterator[str]:
    """A sentence for each number of training that others contradict."""
    rows, recipe = record.training, Recipe.model_validate(record.setup.recipe)
    yield from _budget(record, recipe)
    yield from _seconds(record)
    for number, row in enumerate(rows):
        for fault in _row(record, row, recipe):
            yield f"Epoch {number} of its training {fault}"
    if rows and has_constant_masks(record.setup):
        schedules = schedules_of(rows, recipe)
        if schedules is None:
            yield "The learning rates of its training are not those of its recipe's schedule."
        else:
            yield from _schedules(record, schedules, recipe)


def _budget(record: Record, recipe: Recipe) -> Iterator[str]:
    steps = sum(row.steps for row in record.training)
    if not math.isfinite(record.budget) or (steps > 0) != (record.budget > 0):
        yield "Its budget does not fit its steps."
    elif steps and recipe.epochs:
        each = steps / record.budget / recipe.epochs
        if not whole(each) or round(each) < max(row.steps for row in record.training):
            yield f"Its budget of {record.budget:g} does not fit {steps} steps of training."


def _seconds(record: Record) -> Iterator[str]:
    if negative := [name for name, seconds in record.seconds.items() if seconds < 0]:
        yield f"Its phase {negative[0]!r} took less than no time."
    if any(row.seconds < 0 for row in record.training):
        yield "An epoch of its training took less than no time."
    spent, rounding = sum(row.seconds for row in record.training), 0.01 * (len(record.training) + 1)
    if spent > record.seconds.get("train", 0.0) + rounding:
        yield "The epochs of its training took longer than its training."


def _row(record: Record, row: EpochRow, recipe: Recipe) -> Iterator[str]:
    if not 0 <= row.lr <= recipe.lr * (1 + CLOSE):
        yield f"has the learning rate {row.lr:g}, and the recipe's highest is {recipe.lr:g}."
    if len(row.accuracy) != len(record.exits) or not all(0 <= share <= 1 for share in row.accuracy):
        yield "has no accuracy for every exit."
    samples = row.steps * recipe.batch
    if row.steps > 1 and not all(whole(share * samples, 1e-7 * samples + 1e-3) for share in row.accuracy):
        yield f"has accuracies, {row.accuracy}, that are no shares of {samples} samples."
    dense = value(record.exits[-1].readings, "macs") if record.exits else None
    if row.macs is None or dense is None:
        return
    most = 4 * dense * samples  # forward, both gradients, and those of hidden weights that a method looks at
    if row.macs > most * (1 + SAME) or (row.steps > 0) != (row.macs > 0):
        yield f"does {row.macs:g} MACs, and {row.steps} steps can do {most:g}."


def schedules_of(rows: Sequence[EpochRow], recipe: Recipe) -> list[list[EpochRow]] | None:
    """The schedules that rows belong to, one after the other, each run to its end; None if they are of none.

    Most trainings have one; a plan that trains heads apart, or first, has more. A constant rate tells nothing of where
    one ends, and all rows are one.
    """
    done = [0, *accumulate(row.steps for row in rows)]
    closed, looked = set[int](), 0

    def is_schedule(start: int, stop: int) -> bool:
        nonlocal looked
        total = done[stop] - done[start]
        for place in range(start, stop):
            looked += 1
            rate = recipe.rate((done[place + 1] - done[start] - 1) / total) if total else 0.0
            if not math.isclose(rows[place].lr, rate, rel_tol=CLOSE, abs_tol=1e-9 * recipe.lr):
                return False
        return True

    def end_of(start: int, last: int) -> int | None:
        """Where the longest schedule from a row ends, of those that end at `last` or before; None where there is none."""
        nonlocal looked
        for stop in range(last, start, -1):
            looked += 1
            if looked > MOST_LOOKS:
                return None
            if stop not in closed and is_schedule(start, stop):
                return stop
        return None

    found = [(0, len(rows))]  # of each schedule its first row, and the last place at which it may still end
    while found[-1][0] < len(rows):
        start, last = found[-1]
        stop = end_of(start, last)
        if looked > MOST_LOOKS or (stop is None and start == 0):
            return None
        if stop is None:  # rows from here on are of no schedules, so the one before ends elsewhere
            closed.add(start)
            found.pop()
        else:
            found[-1] = start, stop - 1
            found.append((stop, len(rows)))
    return [[*rows[start:stop]] for (start, _), (stop, _) in pairwise(found)]


def _schedules(record: Record, schedules: Sequence[Sequence[EpochRow]], recipe: Recipe) -> Iterator[str]:
    """Where masks are constant, all steps of a schedule cost the same, and its first epoch is a whole one."""
    steps = sum(row.steps for row in record.training)
    epoch = round(steps / record.budget / recipe.epochs) if record.budget and recipe.epochs else 0
    own = value(record.exits[-1].readings, "macs.effective") if record.exits else None
    of_images = bool(record.cuts) and len(record.cuts[0].shape) > 1  # texts differ in length, and so in cost
    for rows in schedules:
        if len(rows) > 1 and any(row.steps != epoch for row in rows[:-1]):
            yield f"Its epochs have {rows[0].steps} steps, and its budget makes them {epoch}."
        costs = [
            row.macs / row.steps / recipe.batch for row in rows if row.macs is not None and row.steps > 1
        ]
        if not costs or own is None:
            continue
        if max(costs) > 3 * own * (1 + SAME) or (of_images and min(costs) < own * (1 - SAME)):
            yield f"A step of its training does {max(costs):g} MACs for a sample, and its network {own:g} forward."
        if of_images and recipe.schedule != "constant" and max(costs) > min(costs) * (1 + EQUAL):
            yield "Its masks did not change, and its epochs do other MACs in a step."
