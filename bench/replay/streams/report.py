"""Reports of a replay: a table for the terminal, one JSON file for other programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table

from bench.errors import counted
from bench.files import write_whole
from bench.records.curve import Curve
from bench.records.mean import Mean
from bench.records.terms import BASELINES
from bench.replay.streams.sweep import Sweep
from bench.replay.streams.tally import PolicyRow, against, varied

SCHEMA = 1
"""Raised when a key of the JSON file changes its meaning or goes."""

NUMBERS = ("accuracy", "cost", "sent", "regret")


def stream_table(sweep: Sweep, rows: Sequence[PolicyRow]) -> Table:
    """A table of policies: their means, and their cost and accuracy against (a) and (b) of the same terms."""
    differ = varied(rows)
    alike = ", ".join(f"{k} {v:g}" for k, v in rows[0].terms._asdict().items() if k not in differ)
    passes = f"{counted(sweep.shuffles, 'reshuffling')}, 95% intervals" if sweep.shuffles else "one pass"
    table = Table(
        title=", ".join([counted(len(sweep.stream), "sample"), counted(sweep.stream.exits, "exit"), f"{passes}; {alike}"]),
        caption=f"(a) computes every layer and exit on the device, (b) leaves at the first exit that is sure (alpha). Cost is booked, "
        f"the mean of a sample; the last arm's depth is {counted(float(sweep.arms.depths[-1]), 'layer')}. Regret is counted in reward, "
        "against the best fixed arm.",
        title_justify="left", title_style="bold", caption_justify="left", box=SIMPLE_HEAD,
    )  # fmt: skip
    for head in sorted(differ):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("policy", overflow="fold")
    for head in (
        "regret",
        "accuracy",
        "cost",
        "sent",
        *(f"against {x}\ncost\npoints" for x in ("(a)", "(b)")),
    ):
        table.add_column(head, justify="right", no_wrap=True)
    for number, row in enumerate(rows):
        last = number + 1 == len(rows) or rows[number + 1].terms != row.terms
        table.add_row(
            *(f"{getattr(row.terms, name):g}" for name in sorted(differ)),
            row.label,
            _cell(row.mean("regret"), "{:.1f}", "{:.1f}"),
            _cell(row.mean("accuracy"), "{:.2%}", "{:.2%}"),
            _cell(row.mean("cost"), "{:.4g}", "{:.1g}"),
            f"{row.mean('sent').value:.1%}",
            *("{:+.1%}\n{:+.2f}".format(*against(rows, row, name)) for name in BASELINES),
            end_section=last,
            style="bold" if row.name in BASELINES else "dim" if row.bound else None,
        )
    return table


def _cell(mean: Mean, form: str, half: str) -> str:
    """A mean and below it the half-width of its interval, where that is more than rounding."""
    width = mean.high - mean.value
    return form.format(mean.value) + (f"\n±{half.format(width)}" if width > 1e-9 * abs(mean.value) else "")


def write_json(
    path: Path, about: dict[str, Any], sweep: Sweep, rows: Sequence[PolicyRow], curves: Sequence[Curve]
) -> None:
    """Write all numbers of a replay to one file, whole or not at all.

    Args:
        path: the file.
        about: more keys and their values, which JSON can hold.
        sweep: the replay.
        rows: its rows.
        curves: of policies that decide for each sample by itself.

    Raises:
        SeesawError: the file cannot be written.
    """
    content = {
        "schema": SCHEMA,
        **about,
        "samples": len(sweep.stream),
        "exits": sweep.stream.exits,
        "parts": list(sweep.stream.parts),
        "arms": {
            name: np.asarray(getattr(sweep.arms, name)).tolist() for name in ("exits", "depths", "sends")
        },
        "shuffles": sweep.shuffles,
        "seed": sweep.seed,
        "marks": sweep.marks.tolist(),
        "rows": [_row(row) for row in rows],
        "curves": [curve.model_dump(mode="json", exclude={"points"}) for curve in curves],
    }
    write_whole(path, json.dumps(content, indent=1, allow_nan=False).encode(), "--out")


def _row(row: PolicyRow) -> dict[str, Any]:
    each = {name: [getattr(one, name) for one in row.tallies] for name in ("accuracy", "cost", "sent")}
    each["regret"] = [float(one.regret[-1]) for one in row.tallies]
    return {
        "policy": row.name,
        "bound": row.bound,
        **row.terms._asdict(),
        "settings": dict(row.settings),
        **{
            name: dict(zip(("value", "low", "high"), row.mean(name).interval, strict=True))
            | {"each": each[name]}
            for name in NUMBERS
        },
        "regret at marks": dict(zip(("value", "low", "high"), row.regret().tolist(), strict=True)),
        "plays": np.mean([one.plays for one in row.tallies], 0).tolist(),
    }
