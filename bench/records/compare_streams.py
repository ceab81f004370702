"""Two stream records beside each other: what was asked, and what it came to."""

from __future__ import annotations

import statistics
from typing import Any

from bench.records.stream import Result, StreamRecord


def settings(stream: StreamRecord) -> dict[str, Any]:
    """What a stream record says beside its results, as JSON values; policies by their specs."""
    told = stream.model_dump(mode="json", exclude={"schema_version", "checksum", "digest", "results"})
    return told | {"entrants": {one["spec"]: one for one in told["entrants"]}}


def means(stream: StreamRecord) -> dict[str, float]:
    """What every policy came to, a mean over the passes, by name."""
    n, found = stream.samples, {}
    for result in stream.results:
        told = {
            "accuracy": statistics.fmean(result.right) / n,
            "cost": statistics.fmean(result.cost),
            "sent on": statistics.fmean(result.sent) / n,
            "regret": statistics.fmean(result.regret),
        }
        found |= {f"{name_of(result)}: {key}": value for key, value in told.items()}
    return found


def name_of(result: Result) -> str:
    """A policy with its terms."""
    terms = ("alpha", "layer", "offload", "mu")
    return ", ".join([result.policy, *(f"{name} {getattr(result, name):g}" for name in terms)])
