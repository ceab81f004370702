"""Findings: the sentences that a board opens with, computed with their uncertainty."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bench.boards.differences import MARGIN, Difference
from bench.boards.families import density_of, kind_of, network_of, without_density
from bench.boards.headline import TIMES, Case, Count, count
from bench.boards.numbers import times_trained
from bench.boards.peers import is_told
from bench.boards.policies import Early, early
from bench.boards.rows import LONGER, RANKED_FROM, Row, accuracy
from bench.errors import counted
from bench.records.mean import Mean
from bench.records.record import BATCHES
from bench.records.setup import DENSE

USUAL = 0.125
"""Of densities that equally many methods have, the one nearest to this is named."""
CAVEAT = (
    "Intervals are of 95%, over pairs of seeds. Three seeds give wide ones: half the width is 2.5 standard deviations of the "
    'differences, with five seeds 1.2. "Surely": by a test at 5%.'
)
ENDS = (BATCHES[0], BATCHES[-1])
"""The sizes of batches that are named."""


class Best(NamedTuple):
    """The most accurate method on one network at one density.

    Attributes:
        network: backbone and exits plan.
        density: share of the weights that was asked for.
        row: of the method.
        among: how many methods were compared.
        alike: how many of the others cannot be told from it.
        loss: its accuracy minus the dense network's; None without a dense parent.
    """

    network: str
    density: float
    row: Row
    among: int
    alike: int
    loss: Difference | None


def best_by_density(rows: Iterable[Row]) -> list[Best]:
    """The best of several ranked methods that keep to the recipe, for each network and density, the largest density first."""
    groups: dict[tuple[str, float], list[Row]] = defaultdict(list)
    for row in rows:
        if row.ranked and row.setup.method.name != DENSE and density_of(row) and not trains_longer(row):
            groups[network_of(row), density_of(row)].append(row)
    found = []
    for (network, density), own in sorted(groups.items(), key=lambda item: (item[0][0], -item[0][1])):
        best = max(own, key=accuracy)
        alike = sum(row is not best and not is_told(row, best) for row in own)
        found.append(Best(network, density, best, len(own), alike, best.against(best.parents)))
    return [one for one in found if one.among > 1]


def findings(rows: Sequence[Row], cases: Sequence[Case]) -> list[str]:
    """At most three sentences: what is saved without loss, the best method at a density, and what exits save."""
    sentences = (_saved(cases), _best(rows), _exits(rows))
    return [sentence for sentence in sentences if sentence]


def _saved(cases: Sequence[Case]) -> str:
    """How many networks save much and lose little, and the one that saves most of them."""
    ranked = [case for case in cases if case.row.ranked]
    if not ranked:
        return ""
    numbers = count(ranked, "whole")
    patterns = count((case for case in ranked if kind_of(case.row) == "predefined"), "whole")
    own = (
        f" (of {patterns.all} with a predefined pattern, {patterns.saving}: {_told(patterns)})"
        if patterns.all
        else ""
    )
    sure = [case for case in ranked if case.saves("whole") and case.verdict("whole") == "within"]
    best = max(sure, key=lambda case: case.saving("whole")[0] or 0.0, default=None)
    answers = f": {_told(numbers)}{own}" if numbers.saving else ""
    return (
        f"Of {counted(numbers.all, 'smaller network')}, {numbers.saving} store and compute more than {TIMES} x less than their "
        f"dense parent{answers}.{f' {_named(best)}' if best else ''}"
    )


def _told(numbers: Count) -> str:
    worse = numbers.saving - numbers.within - numbers.untold
    return (
        f"{numbers.within} surely lose at most {MARGIN * 100:g} points, {worse} surely lose more, for {numbers.untold} the seeds "
        f"cannot tell"
    )


def _named(case: Case) -> str:
    packed, macs = case.saving("whole")
    return (
        f"The smallest sure one is {case.row.setup.model_at_density}: {packed:.1f} x smaller, {macs:.1f} x fewer MACs, "
        f"{signed(case.loss)}."
    )


def _best(rows: Sequence[Row]) -> str:
    """The best method at the density that most methods have, on the network with most of them."""
    rows = [row for row in rows if row.ranked]
    all_best = best_by_density(rows)
    if not all_best:
        return ""
    best = max(all_best, key=lambda one: (one.among, -abs(math.log(one.density / USUAL))))
    method = without_density(best.row.setup.method.label)
    alike = (
        f"{counted(best.alike, 'other')} cannot be told from it"
        if best.alike
        else "all others can be told from it"
    )
    return (
        f"At {percentage(best.density)} "
        f"of the weights of {best.row.setup.backbone.label}, {method} is the most accurate of "
        f"{best.among} methods: {accuracy(best.row):.2%}, {signed(best.loss)} against the dense network. {alike.capitalize()}; the "
        f"best of {best.among} looks better than it is.{rivals(rows, best)}"
    )


def rivals(rows: Iterable[Row], best: Best) -> str:
    """A sentence for each method that is better at the same density and trained longer; empty where there is none."""
    return "".join(
        _rival(row)
        for row in rows
        if row.ranked
        and trains_longer(row)
        and (network_of(row), density_of(row)) == (best.network, best.density)
        and accuracy(row) > accuracy(best.row)
    )


def percentage(share: float) -> str:
    """A share in percent, with no more digits than it has."""
    return f"{100 * share:.4g}%"


def trains_longer(row: Row) -> bool:
    """Whether a method trains longer than its recipe, and so is not compared with those that do not."""
    budget = row.mean(times_trained)
    return budget is not None and budget.value > LONGER


def _rival(row: Row) -> str:
    """A method that is better and trained longer, beside the dense network that trained as long."""
    budget = row.mean(times_trained)
    assert budget is not None
    beside = (
        f"{signed(row.against(row.longer))} against the dense network of {row.longer[0].setup.recipe.get('epochs')} epochs"
        if row.longer
        else "no dense network trained about as long"
    )
    return f" {without_density(row.setup.method.label)} reaches {accuracy(row):.2%} in {budget.value:.1f} x the training: {beside}."


def signed(difference: Difference | None) -> str:
    """A difference in points with its interval."""
    if difference is None:
        return "no pair of seeds"
    half = "" if difference.half is None else f" ± {difference.half * 100:.2f}"
    return f"{difference.mean * 100:+.2f}{half} points"


def _exits(rows: Sequence[Row]) -> str:
    """What leaving early saves: in MACs, and in time on the machine, over all networks and for a dense one."""
    some = [(row, one) for row in rows if row.seeds >= RANKED_FROM and (one := early(row)) is not None]
    if not some:
        return ""
    times = [
        _faster(own, batch)
        for number, batch in enumerate(BATCHES)
        if batch in ENDS and (own := [mean for _, one in some if (mean := one.times[number]) is not None])
    ]
    dense = [(row, one) for row, one in some if row.setup.method.name == DENSE]
    example = f" {_of_dense(*dense[0])}" if dense else ""
    return (
        f"Early exits take {_median(one.macs for _, one in some)} fewer MACs (the median of "
        f"{counted(len(some), 'network')}){''.join(times)}.{example}"
    )


def _faster(means: Sequence[Mean], batch: int) -> str:
    faster = sum(mean.low > 1 for mean in means if mean.half is not None)
    slower = sum(mean.high < 1 for mean in means if mean.half is not None)
    return (
        f"; in batches of {batch} they are {_median(means)} as fast ({faster} of {len(means)} surely faster, {slower} surely "
        f"slower)"
    )


def _of_dense(row: Row, one: Early) -> str:
    batches = [
        f"{interval(mean)} as fast in batches of {batch}"
        for batch, mean in zip(BATCHES, one.times, strict=True)
        if mean is not None and batch in ENDS
    ]
    return (
        f"{row.setup.model}: {', '.join([f'{interval(one.macs)} fewer MACs', *batches])}, by {one.policy}, the best of "
        f"{counted(one.among, 'policy', 'policies')} on the calibration split."
    )


def interval(mean: Mean) -> str:
    """A ratio with its interval over seeds."""
    return f"{mean.value:.2f}" + ("" if mean.half is None else f" ± {mean.half:.2f}") + " x"


def _median(means: Iterable[Mean]) -> str:
    return f"{statistics.median(mean.value for mean in means):.2f} x"
