"""Tables for the terminal: policies' curves, walks, policies at cuts, and the calibration of exits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from bench.boards.curves import SHARES
from bench.boards.numbers import thriftiest, time_kept, walked_by, whole_cost
from bench.boards.show.answer import timing
from bench.boards.units import digits, in_bytes
from bench.records.curve import Curve
from bench.records.record import Early, Exit, Record, Walked


def curves_table(record: Record) -> Table | None:
    """A row for each policy of a run: its accuracy on the test split at shares of the last exit's cost."""
    if not record.curves:
        return None
    return table_of(
        [(curve, whole_cost(record, curve)) for curve in record.curves],
        "policies: top-1 at shares of the last exit's effective MACs, with points chosen on calibration",
    )


def table_of(curves: Sequence[tuple[Curve, float | None]], title: str) -> Table:
    """A row for each policy.

    Args:
        curves: of each policy, with the cost of the whole network in the curve's unit, None if unknown.
        title: of the table.
    """
    table = _plain(
        title,
        "between points some samples are left to either; area: mean of top-1 over costs from 0 to the last exit's, "
        "0 where a policy has no point so cheap",
    )
    table.add_column("policy")
    for head in (*(f"{share:.0%}" for share in SHARES), "100%", "area", "mean exit\nat 50%"):
        table.add_column(head, justify="right")
    for curve, full in curves:
        spots = [curve.at(share * full) if full else None for share in (*SHARES, 1.0)]
        table.add_row(
            f"{curve.policy}{' (bound, sees labels)' if curve.reference else ''}",
            *(f"{spot.accuracy:.2%}" if spot else "-" for spot in spots),
            f"{curve.area(full):.2%}" if full and not curve.reference else "-",
            f"{spots[1].exit:.2f}" if spots[1] else "-",
        )
    return table


def walks_table(record: Record) -> Table | None:
    """A row for each policy at its shipped point: MACs by count, time by the clock for each batch size."""
    sizes = sorted({walk.batch for walk in record.walks})
    if not sizes:
        return None
    table = _plain(
        "exits really taken: time of a sample, of it deciding and regrouping, and how many times less than nobody leaving",
        "each policy where it would be shipped: cheapest on calibration within half a point of its best there",
    )
    table.add_column("policy")
    for head in ("top-1", "MACs\nkept", *(f"batches of {size}\nrouting\nfaster" for size in sizes)):
        table.add_column(head, justify="right", no_wrap=True)
    curves = {curve.policy: curve for curve in record.curves}
    for walk in walked_by(record.walks, sizes[0]).values():
        rows = [walked_by(record.walks, size).get(walk.policy) for size in sizes]
        curve = curves.get(walk.policy or "")
        kept = ["", ""]
        if curve is not None and walk.point is not None:
            point = curve.outcomes[walk.point]
            kept = [f"{point.accuracy:.2%}", f"{point.macs / (whole_cost(record, curve) or point.macs):.0%}"]
        table.add_row(
            walk.policy or "nobody leaves\n(no early heads)",
            *kept,
            *("-" if row is None else _timed(record, row) for row in rows),
        )
    return table


def _timed(record: Record, walk: Walked) -> str:
    """The time of a sample, of its routing, and how many times less than nobody leaving: - where either was disturbed."""
    latency = timing(walk.readings["latency"])
    if walk.policy is None:
        return latency
    kept = time_kept(record, walk.policy, walk.batch)
    return f"{latency}\n{timing(walk.readings['routing'])}\n{f'{kept:.2f} x' if kept else '-'}"


def early_table(record: Record) -> Table | None:
    """A row for each policy, a column for each cut: samples that leave on the device, bytes of the others."""
    cuts = [cut for cut in record.cuts if cut.early]
    if not cuts:
        return None
    n = next((exit_.readings["top1"].n or 0 for exit_ in record.exits if "top1" in exit_.readings), 0)
    table = _plain(
        "policies at cuts: answered on the device, bytes that each of the others sends, top-1 in all, codec",
        "of the codecs within a point of the most accurate one there, the one that sends the fewest bytes",
    )
    table.add_column("policy")
    for cut in cuts:
        table.add_column(f"cut {cut.before}", justify="right", no_wrap=True)
    for policy in (early.policy for early in cuts[0].early):
        by_cut = ([early for early in cut.early if early.policy == policy] for cut in cuts)
        right = next((c.test.right for c in record.curves if c.policy == policy and c.test is not None), [])
        cells = (_sent(own[0], n, right) if own else "-" for own in by_cut)
        table.add_row(policy, *cells, end_section=True)
    return table


def _sent(early: Early, n: int, right: Sequence[int]) -> str:
    """One policy at one cut; `right` counts its right answers without a cut at each of its points."""
    if not early.behind or not n:
        return "-"
    best = thriftiest(early, n, right[early.point] if early.point < len(right) else 0)
    mean = "nothing" if best.payload is None else in_bytes(best.payload)
    return f"{early.device / n:.1%}\n{mean}\n{best.accuracy:.2%}\n{best.codec}"


def _plain(title: str, caption: str | None = None) -> Table:
    return Table(
        title=title,
        caption=caption,
        title_justify="left",
        title_style="bold",
        caption_justify="left",
        box=SIMPLE_HEAD,
    )


def answers_table(record: Record) -> Table | None:
    """A row for each exit: the calibration of its probabilities, and where it and the last one disagree."""
    heads = {
        "temperature": "temper-\nature", "ece": "calibration\nerror", "ece.scaled": "with the\ntemperature",
        "overthinking": "right here,\nwrong at the last", "underthinking": "wrong here,\nright at the last",
    }  # fmt: skip
    if not any(name in exit_.readings for exit_ in record.exits for name in heads):
        return None
    table = _plain("exits: calibration, over- and underthinking")
    for head in ("exit\nstage", *heads.values()):
        table.add_column(head, justify="right", no_wrap=True)
    for number, exit_ in enumerate(record.exits):
        shares = (_cell(exit_, name, "{:.2%}".format) for name in list(heads)[1:])
        hot = _cell(exit_, "temperature", digits)
        table.add_row(f"{number}\n{exit_.stage}", hot, *shares)
    return table


def _cell(exit_: Exit, name: str, form: Callable[[float], str]) -> str:
    return form(exit_.readings[name].value) if name in exit_.readings else "-"
