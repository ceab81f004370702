"""Every row as plain values, for the page's script: what the first view needs, and apart from it the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.boards.board import Field, Line
from bench.boards.cells import percent
from bench.boards.curves import BUDGETS
from bench.boards.differences import Difference
from bench.boards.families import density_of, kind_of, network_of, without_density
from bench.boards.findings import Best, best_by_density, percentage, rivals, signed
from bench.boards.headline import Case
from bench.boards.numbers import reading, times_trained, work_seconds
from bench.boards.policies import early
from bench.boards.rates import HEADS, WORDS, Rates
from bench.boards.rows import LONGER, Row, cut_means
from bench.boards.units import short
from bench.records.mean import Mean


def line_data(line: Line) -> dict[str, Any]:
    """One row as JSON values; what it lacks is left out.

    Every mean is `[mean, half-width of the 95% interval]`, and behind it the number of seeds where not all have it. Its group
    is not among them: it hangs on other rows.
    """
    row, last, axes = line.row, line.last, line.axes
    setup, budget, seeds = row.setup, row.mean(times_trained), len(row.records)
    values = {
        "model": setup.model_at_density,
        "plan": row.plan,
        "backbone": setup.backbone.label,
        "network": network_of(row),
        "method": setup.method.name,
        "family": without_density(setup.method.label),
        "kind": kind_of(row),
        "density": density_of(row),
        "digest": row.asked.digest,
        "seeds": row.seeds,
        "ranked": row.ranked,
        "contested": row.reasons,
        "costly": row.costly,
        "disturbed": sorted(key for key, value in last.items() if value.disturbed),
        "budget": pair(budget),
        "longer": _longer(row, budget),
        "top1": [[seed, short(value)] for seed, value in sorted(row.accuracies.items())],
        "ratios": {key: short(value.ratio) for key, value in last.items() if value.ratio},
        "whole": _present({key: pair(last[key].mean, seeds) for key, axis in axes.items() if axis.whole}),
        "exits": [
            _present({key: pair(value.mean, seeds) for key, value in values.items()}) for values in line.exits
        ],
        "early": _early(row),
        "seconds": short(sum(map(work_seconds, row.records)) / max(len(row.records), 1)),
    }
    if row.records and row.parents and setup.method.name != "dense":
        values |= {"loss": difference((case := Case(row)).loss), "verdict": case.verdict("whole")}
    return _present(values)


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values without those that are none or empty."""
    return {key: value for key, value in values.items() if value not in (None, [], {}, "")}


def _longer(row: Row, budget: Mean | None) -> str | None:
    """How a method that trained longer stands beside the dense network that trained as long; None for the others."""
    if budget is None or budget.value <= LONGER:
        return None
    if not row.longer:
        return "no dense network that trained about as long"
    epochs = row.longer[0].setup.recipe.get("epochs")
    return f"{signed(row.against(row.longer))} against the dense network of {epochs} epochs"


def _early(row: Row) -> dict[str, Any] | None:
    best = early(row)
    if best is None:
        return None
    times = [pair(mean, len(row.records)) for mean in best.times]
    own = {"policy": best.policy, "among": best.among, "lost": pair(best.lost), "macs": pair(best.macs)}
    return own | {"times": times}


def difference(one: Difference | None) -> list[float | int | None] | None:
    """A difference as JSON values: its mean, half the width of its interval, and the number of pairs."""
    if one is None:
        return None
    return [short(one.mean), None if one.half is None else short(one.half), one.pairs]


def field_data(field: Field) -> dict[str, Any]:
    """The best method at each density of a field, as texts: network, density, method, the number of methods, accuracy,

    points more than the dense network, the number of methods that cannot be told from it, and those that are better and
    trained longer.
    """
    return {"best": [_best(field, one) for one in best_by_density(field.peers.rows)]}


def _best(field: Field, one: Best) -> list[str]:
    mean = one.row.mean(reading(-1, "top1"))
    return [
        one.network, percentage(one.density), without_density(one.row.setup.method.label), str(one.among),
        percent(mean) if mean else "", signed(one.loss), str(one.alike), rivals(field.peers.rows, one).strip(),
    ]  # fmt: skip


def more_data(line: Line) -> dict[str, Any]:
    """What is shown of a row when it is chosen: its recipe, its cuts and its policies."""
    row, setup = line.row, line.row.setup
    cuts = row.records[0].cuts if row.records else []
    rates = {} if line.rates.is_empty else {"rates": rates_data(line.rates)}
    return rates | {
        "task": setup.task.label,
        "recipe": {key: setup.recipe[key] for key in sorted(setup.recipe)} if row.records else {},
        "stages": [exit_.stage for exit_ in row.records[0].exits] if row.records else [],
        "cuts": [
            {
                "before": number,
                "codecs": {
                    codec: list(map(pair, means)) for codec, means in cut_means(row.records, number).items()
                },
                "shape": cut.shape,
            }
            for number, cut in enumerate(cuts)
        ],
        "policies": [
            {
                "policy": one.policy,
                "reference": one.reference,
                "points": _points(row, one.policy),
                "at": [pair(mean) for mean in one.at],
                "area": pair(one.area),
                "exit": pair(one.exit),
                "shipped": pair(one.shipped),
                "times": [pair(mean, len(row.records)) for mean in (one.macs, *one.times)],
            }
            for one in line.policies
        ],
    }


def rates_data(rates: Rates) -> dict[str, Any]:
    """Rate curves as JSON values: sentences, a table, and each curve's points as bytes, accuracy and agreement."""
    rows = rates.rows()
    used = [place for place in range(len(HEADS)) if any(row[place].text for row in rows)]
    return {
        "answers": rates.answers(),
        "heads": [[HEADS[place], HEADS[place] not in WORDS] for place in used],
        "rows": [[row[place].text for place in used] for row in rows],
        "curves": [
            {
                "cut": curve.cut,
                "name": row[1].text,
                "points": [
                    [point.codec, pair(point.bytes), pair(point.top1), pair(point.agree)]
                    for point in curve.points
                ],
            }
            for curve, row in zip(rates.curves, rows, strict=True)
        ],
    }


def _points(row: Row, policy: str) -> list[list[Any]]:
    """For each budget: its share, and MACs and accuracy of the point that calibration chooses within it."""
    at_budgets = []
    for number, share in enumerate(BUDGETS):
        points = [point for _, curve in row.curves[policy] if (point := curve.within[number]) is not None]
        if points:
            macs, accuracy = (Mean.of(values) for values in zip(*points, strict=True))
            at_budgets.append([share, pair(macs), pair(accuracy)])
    return at_budgets


def pair(mean: Mean | None, seeds: int | None = None) -> list[float | int | None] | None:
    """A mean and the half-width of its interval, and the number of seeds that it is over where that is not `seeds`."""
    if mean is None:
        return None
    both = [short(mean.value), None if mean.half is None else short(mean.half)]
    return both if seeds in (None, mean.n) else [*both, mean.n]
