"""Three plots of a deployment: the time to the answer as time goes on, its distribution, and accuracy against it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bench.boards.deployments.section import Section
from bench.drawing import COLOURS, SHAPES, STYLE, pyplot, write
from bench.records.deployment import BINS, QUANTILES, DeploymentRecord

SIZE = (7.0, 4.2)
"""Of a figure, in inches."""
TIME = "time to the answer (s)"


def figures(deployment: DeploymentRecord, folder: Path, ending: str = "png") -> list[Path]:
    """Draw three plots of one deployment record, and write each to a file.

    Args:
        deployment: the record.
        folder: for the files; made where it is not there.
        ending: of the files: png, svg or pdf.

    Raises:
        SeesawError: matplotlib is not there, or a file cannot be written.
    """
    drawings = {"timeline": _timeline, "distribution": _distribution, "pareto": _pareto}
    paths = [folder / f"{name}.{ending}" for name in drawings]
    for path, draw in zip(paths, drawings.values(), strict=True):
        plt = pyplot(path)
        with plt.rc_context(STYLE):
            canvas, axis = plt.subplots(figsize=SIZE, layout="constrained")
            draw(axis, deployment)
            axis.set_title(Section((deployment,)).title, fontsize=8, wrap=True)
            axis.grid(alpha=0.3)
            canvas.legend(*axis.get_legend_handles_labels(), loc="outside right center", fontsize=7)
            write(canvas, path)
            plt.close(canvas)
    return paths


def _looks(deployment: DeploymentRecord) -> dict[str, dict[str, Any]]:
    """A colour, a marker and a line for each policy; bounds are dotted."""
    return {
        one.spec: {
            "color": COLOURS[n % len(COLOURS)],
            "marker": SHAPES[(n + n // len(COLOURS)) % len(SHAPES)],
            "linestyle": ":" if one.bound else "-" if n < len(COLOURS) else "--",
            "label": one.spec + (" (bound)" if one.bound else ""),
        }
        for n, one in enumerate(deployment.players)
    }


def _timeline(axis: Any, deployment: DeploymentRecord) -> None:
    seconds = (np.arange(BINS) + 0.5) / BINS * deployment.circumstances.seconds
    for spec, means in deployment.arrays("timeline").items():
        axis.plot(seconds, means, markersize=2, linewidth=1, **_looks(deployment)[spec])
    axis.set(xlabel="time (s)", ylabel=f"mean {TIME}", yscale="log")


def _distribution(axis: Any, deployment: DeploymentRecord) -> None:
    shares = np.linspace(0, 1, QUANTILES)
    for spec, times in deployment.arrays("quantiles").items():
        axis.plot(times, shares, linewidth=1, **_looks(deployment)[spec] | {"marker": ""})
    if deployment.circumstances.deadline is not None:
        axis.axvline(
            deployment.circumstances.deadline, color="black", linewidth=0.8, linestyle="--", label="deadline"
        )
    axis.set(xlabel=TIME, ylabel="share of requests answered within", xscale="log")


def _pareto(axis: Any, deployment: DeploymentRecord) -> None:
    for outcome in deployment.outcomes:
        if outcome.answered == deployment.requests:
            looks = _looks(deployment)[outcome.policy] | {"linestyle": ""}
            axis.plot([outcome.mean], [100 * outcome.right / deployment.requests], markersize=6, **looks)
    axis.set(xlabel=f"mean {TIME}", ylabel="top-1 (%)", xscale="log")
