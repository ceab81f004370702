"""What policies and exits' answers come to, as tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from bench.curves import Curve
from bench.record import Exit, Record

SHARES = (0.25, 0.5, 0.75)
"""Of the whole network's cost: where policies are compared."""


def whole_cost(record: Record, curve: Curve) -> float | None:
    """MACs of the whole network with the heads on its way, which shares of cost and areas are of."""
    macs = record.exits[-1].readings.get("macs.effective") if record.exits else None
    return curve.costs[-1] if curve.costs else macs.value if macs else None


def curves_table(record: Record) -> Table:
    """A row a policy of a run: what it comes to on the test split at shares of the last exit's cost."""
    return table_of(
        [(curve, whole_cost(record, curve)) for curve in record.curves],
        "policies: top-1 at shares of the last exit's effective MACs, with points chosen on calibration",
    )


def table_of(curves: Sequence[tuple[Curve, float | None]], title: str) -> Table:
    """A row a policy, given its curve and the cost that shares are of."""
    table = Table(
        title=title,
        caption=(
            "between points some samples are left to either; area: mean of top-1 over costs from 0 to the last exit's, "
            "0 where a policy has no point so cheap"
        ),
        title_justify="left",
        title_style="bold",
        caption_justify="left",
        box=SIMPLE_HEAD,
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


def answers_table(record: Record) -> Table | None:
    """A row an exit: how well its probabilities are calibrated, and where it and the last exit disagree."""
    heads = {
        "temperature": "temper-\nature", "ece": "calibration\nerror", "ece.scaled": "with the\ntemperature",
        "overthinking": "right here,\nwrong at the last", "underthinking": "wrong here,\nright at the last",
    }  # fmt: skip
    if not any(name in exit_.readings for exit_ in record.exits for name in heads):
        return None
    table = Table(
        title="exits: calibration, over- and underthinking",
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
    )
    for head in ("exit\nstage", *heads.values()):
        table.add_column(head, justify="right", no_wrap=True)
    for number, exit_ in enumerate(record.exits):
        found = (_cell(exit_, name, "{:.2%}") for name in list(heads)[1:])
        hot = _cell(exit_, "temperature", "{:.3g}")
        table.add_row(f"{number}\n{exit_.stage}", hot, *found)
    return table


def _cell(exit_: Exit, name: str, form: str) -> str:
    return form.format(exit_.readings[name].value) if name in exit_.readings else "-"
