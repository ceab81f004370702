"""Policies of a row: means over seeds of the numbers of their curves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.boards.choice import best_policy
from bench.boards.curves import SHARES, CurveExtract
from bench.boards.numbers import kept, reading
from bench.boards.rows import Row
from bench.records.mean import Mean
from bench.records.record import BATCHES

NOTE = (
    "Top-1 on the test split at shares of the last exit's cost. A policy's points are set and chosen on the calibration "
    "split: those more accurate there than every cheaper one. Between two of them a share of the samples is left to "
    "either, so cost, accuracy and mean exit (from 0) are mixed alike; empty where no point is so cheap. *Area*: the "
    "mean of top-1 over costs from 0 to the last exit's, 0 where no point is so cheap; it compares policies of one "
    "network, and not networks. *Shipped*: at the point that is cheapest on the calibration split within half a point "
    "of the policy's best there. Its *MACs*, and its *time* for a sample in batches of 1, 8 and 64 with exits really "
    "taken, are how many times less than those of the last exit, and than the time of the network without early heads: "
    "below 1 the policy costs more time than it saves."
)


@dataclass(frozen=True)
class CurveRow:
    """One policy of one row.

    Attributes:
        policy: its spec.
        reference: whether it saw labels.
        at: top-1 at each of `SHARES` of the last exit's cost.
        area: the one below top-1 over cost, as a share; None for a reference, which has one point.
        exit: the mean exit, from 0, at half the last exit's cost.
        shipped: top-1 at the point at which it would be shipped.
        macs: how many times fewer MACs it takes there than the last exit.
        times: how many times less time than the network without early heads, in batches of each of `BATCHES`.
    """

    policy: str
    reference: bool
    at: tuple[Mean | None, ...]
    area: Mean | None
    exit: Mean | None
    shipped: Mean | None
    macs: Mean | None
    times: tuple[Mean | None, ...]


def curve_rows(row: Row) -> list[CurveRow]:
    """One for every policy that some record of a row has, in the records' order."""
    kinds = {policy: own[-1][1].reference for policy, own in row.curves.items()}
    return [
        CurveRow(
            policy,
            reference,
            tuple(_mean(row, policy, lambda curve, n=n: curve.at[n]) for n in range(len(SHARES))),
            None if reference else _mean(row, policy, lambda curve: curve.area),
            _mean(row, policy, lambda curve: curve.exit),
            *_shipped(row, policy),
        )
        for policy, reference in kinds.items()
    ]


@dataclass(frozen=True)
class Early:
    """What exits save of one network at the policy that calibration chooses.

    Attributes:
        policy: its spec.
        among: how many policies were compared on the calibration split.
        lost: points of accuracy less than the last exit's, as a share.
        macs: how many times fewer MACs a sample takes.
        times: how many times less time, in batches of each of `BATCHES`, on the row's machine.
    """

    policy: str
    among: int
    lost: Mean | None
    macs: Mean
    times: tuple[Mean | None, ...]


def early(row: Row) -> Early | None:
    """The policy that is best on the calibration split of most seeds; None where no sample can leave early."""
    kept: list[Any] | None = row.once("early", lambda: _values(_early(row)))
    if kept is None:
        return None
    policy, among, lost, macs, times = kept
    whole = _mean_from(macs)
    assert whole is not None
    return Early(policy, among, _mean_from(lost), whole, tuple(map(_mean_from, times)))


def _values(one: Early | None) -> list[Any] | None:
    """What exits save as JSON values."""
    if one is None:
        return None
    lost, macs, *times = (list(mean) if mean else None for mean in (one.lost, one.macs, *one.times))
    return [one.policy, one.among, lost, macs, times]


def _mean_from(values: list[Any] | None) -> Mean | None:
    return None if values is None else Mean(*values)


def _early(row: Row) -> Early | None:
    chosen = [best for record in row.records if (best := best_policy(record)) is not None]
    counts = Counter(best.policy for best in chosen)
    if not counts:
        return None
    policy = min(counts, key=lambda name: (-counts[name], name))
    _, macs, times = _shipped(row, policy)
    lost = [
        whole - curve.shipped.accuracy
        for record, curve in row.curves[policy]
        if curve.shipped is not None and (whole := reading(-1, "top1")(record)) is not None
    ]
    if macs is None:
        return None
    return Early(policy, max(best.among for best in chosen), Mean.of(lost), macs, times)


def _mean(row: Row, policy: str, number: Callable[[CurveExtract], float | None]) -> Mean | None:
    return Mean.of([value for _, curve in row.curves[policy] if (value := number(curve)) is not None])


def _shipped(row: Row, policy: str) -> tuple[Mean | None, Mean | None, tuple[Mean | None, ...]]:
    """At each seed's shipped point: accuracy, how many times fewer MACs, how many times less time."""
    top1, macs = [], []
    for _, curve in row.curves[policy]:
        if (point := curve.shipped) is not None and curve.whole:
            top1.append(point.accuracy)
            macs += [curve.whole / point.macs] if point.macs else []
    times = (row.mean(kept(policy, batch), timed=True) for batch in BATCHES)
    return Mean.of(top1), Mean.of(macs), tuple(times)
