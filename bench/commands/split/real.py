"""seesaw deploy --real: predicted times beside measured ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table

from bench.commands.options import out
from bench.errors import counted

if TYPE_CHECKING:
    from bench.records.store import Store
    from bench.replay.deploy.deployment import Deployment
    from bench.runs.real import Real
    from bench.runs.served import Laid

PERCENT = {"median": 50, "95%": 95, "99%": 99}


def print_real(
    deployment: Deployment,
    store: Store,
    policy: str,
    into: Path | None,
    *,
    laid: Laid = "proxy",
    keep: bool = False,
) -> None:
    """Answer a deployment's requests on this machine, and print what was predicted and what was measured.

    Args:
        deployment: with its requests.
        store: that the run lies in.
        policy: spec of a fixed split policy.
        into: CSV file for a line a request; None for none.
        laid: by what the channel is laid between device and server.
        keep: whether to write its record.

    Raises:
        SeesawError: the policy or the circumstances cannot be set up here, or a process does not begin.
    """
    from bench.errors import needing

    with out.status("Loading ...") as status:
        with needing("serve", "A real deployment needs"):
            import grpc  # noqa: F401  # pyright: ignore[reportUnusedImport]
        from bench.machine import settle
        from bench.runs.real import hold_real, measured_record, really
        from bench.runs.served import laid_by, served

        hold_real(deployment)
        settle(1, deterministic=False)
        with (
            laid_by(laid, deployment) as far,
            served(deployment.network.run, store, policy, status.update, far) as server,
        ):
            real = really(deployment, policy, server, status.update)
    out.print(_table(real, policy))
    for line in _lines(real):
        out.print(line, soft_wrap=True)
    if into is not None:
        real.write(into)
        out.print(str(into), soft_wrap=True)
    if keep:
        out.print(str(store.save(measured_record(deployment, policy, real, laid))), soft_wrap=True)


def _table(real: Real, policy: str) -> Table:
    from math import isfinite

    from bench.boards.units import seconds

    def cell(value: float) -> str:
        return seconds(value) if isfinite(value) else "never"

    table = Table(
        "to the answer", "predicted", "measured", "ratio", box=SIMPLE_HEAD, title_style="bold", title_justify="left",
        title=f"{counted(len(real.measured), 'request')} by {policy}",
    )  # fmt: skip
    for name, percent in PERCENT.items():
        predicted, measured = real.quantiles(percent)
        ratio = f"{measured / predicted:.2f}" if isfinite(predicted) and isfinite(measured) else "-"
        table.add_row(name, cell(predicted), cell(measured), ratio)
    predicted, measured = (f"{float(one.mean()):.2%}" for one in (real.predicted.right, real.right))
    table.add_row("rightly answered", predicted, measured, "")
    return table


def _lines(real: Real) -> list[str]:
    """Sentences on what the table does not say."""
    places = [one.answer.place for one in real.measured if one.answer is not None]
    counts = ", ".join(
        f"{places.count(one):,} by {one}" for one in ("exit", "server", "fallback") if one in places
    )
    same = int((real.right == real.predicted.right).sum())
    lost = len(real.measured) - len(places)
    others = (
        "beside whatever else it ran"
        if real.others is None
        else f"while other programs took {real.others:.2f} of its cores"
    )
    lines = [
        f"Answered: {counts or 'none'}. {same:,} of {len(real.right):,} are right, or wrong, as predicted. Measured on this machine, {others}."
    ]
    return lines + ([f"{counted(lost, 'request')} got no answer."] if lost else [])
