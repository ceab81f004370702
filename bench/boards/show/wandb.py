"""A board as a Weights & Biases report: its leaderboard, and live plots of the runs mirrored there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from bench.boards.board import Board
from bench.boards.numbers import times_trained
from bench.boards.show.markdown import page
from bench.boards.show.terminal import COLUMNS
from bench.errors import SeesawError, needing
from bench.records.mirror import PROJECT, leaderboard, logged_in

TIMEOUT = 20
"""Seconds that a request to W&B may take."""


def publish(board: Board, project: str | None, runs: Path) -> str:
    """Save a report with the user's key, and a table of the board beside the mirrored runs.

    Args:
        board: to publish.
        project: `entity/name` or `name`; WANDB_PROJECT and the key's own entity where left out.
        runs: folder for W&B's own files.

    Returns:
        The report's address.

    Raises:
        SeesawError: no key, no network, or the extra is not installed.
    """
    if not logged_in():
        raise SeesawError("There is no Weights & Biases key here. Run `wandb login`, or set WANDB_API_KEY.")
    entity, _, name = (project or os.environ.get("WANDB_PROJECT") or PROJECT).rpartition("/")
    try:
        import wandb

        entity = entity or wandb.Api(timeout=TIMEOUT).default_entity
        if not entity:
            raise SeesawError("Your key has no entity of its own. Name one: --project ENTITY/NAME.")
        report = build(board, entity, name)
        report.save()
        leaderboard(board.name, *plain_rows(board), runs)
        return report.url
    except SeesawError:
        raise
    except Exception as error:  # W&B raises its own, the network's and GraphQL's errors
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SeesawError(
            f"The report could not be published ({reason}). Check network, key and project, and try again."
        ) from error


def build(board: Board, entity: str, project: str) -> Any:
    """The report, not yet saved: plots and training curves of the board's runs, and its Markdown page."""
    with needing("publish", "Reports need"):
        from wandb_workspaces.reports import v2
    wr: Any = v2  # its names are not exported for type checkers
    runset = wr.Runset(entity=entity, project=project, name=board.name, filters=f"Group == '{board.name}'")
    accuracy = wr.SummaryMetric("last/top1")
    panels: list[Any] = [
        wr.ScatterPlot(
            x=wr.SummaryMetric(f"last/{key}"), y=accuracy, title=f"top-1 against {key}", log_x=True
        )
        for key in ("macs.effective", "latency")
    ]
    panels.append(wr.LinePlot(x="epoch", y=["loss"], title="training loss"))
    panels.append(
        wr.LinePlot(
            x="epoch",
            y=["exit0/train_accuracy", "exit0/validation_accuracy"],
            title="first exit, training and validation",
        )
    )
    return wr.Report(
        entity=entity,
        project=project,
        title=f"Seesaw: {board.name}",
        description="Which network, how sparse, with which exits, cut where: measured.",
        blocks=[
            wr.PanelGrid(runsets=[runset], panels=panels),
            wr.MarkdownBlock(page(board)),
        ],
        width="fluid",
    )


def plain_rows(board: Board) -> tuple[list[str], list[list[Any]]]:
    """The last exits of the usual field as plain values: the columns' heads, and a list for each row."""
    heads = [head.replace("\n", " ") for head in COLUMNS.values()]
    rows = []
    for line in board.fields[0].lines:
        row, top1 = line.row, line.last["top1"].mean
        budget = row.mean(times_trained)
        means = [line.last[key].mean for key in COLUMNS]
        rows.append(
            [
                row.setup.model_at_density, row.plan, row.setup.task.label, row.seeds,
                top1 and top1.value, top1 and top1.half, *(mean and mean.value for mean in means),
                budget and budget.value,
            ]
        )  # fmt: skip
    return ["model", "exits plan", "task", "seeds", "top-1", "top-1 ±", *heads, "budget"], rows
