"""The answer of a plan as files: the parts as `seesaw pack` writes them, the thresholds, and what the plan came to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench.errors import SeesawError
from bench.files import write_whole
from bench.records.record import Record
from bench.records.run_files import STATES, RunFiles
from bench.records.store import Store
from bench.replay.plan.search import Found
from bench.runs.command import training_command
from bench.runs.request import ResolvedRun, RunRequest
from bench.runs.ship import shipment_of

PLAN = "plan.json"
"""The file beside the manifest: the configuration, its thresholds, and what it should cost."""
SAMPLES = 64
"""Test samples on which the parts are checked."""


def ship_answer(found: Found, store: Store, folder: Path) -> list[Path]:
    """Write the parts of the first seed whose weights lie here.

    Args:
        found: the answer.
        store: of its records and runs.
        folder: for the files.

    Returns:
        The files.

    Raises:
        SeesawError: no seed's weights, or not the state of the policy's point, lie in the folder of runs.
    """
    network, configuration = found.option.network, found.option.configuration
    record, files = _with_weights(found, store)
    facts = found.option.facts[network.records.index(record)]
    is_cut = 0 < configuration.cut < len(record.cuts) - 1
    policy = configuration.policy
    run = ResolvedRun.of(RunRequest.of(record, records=store.records, runs=store.runs))
    shipment = shipment_of(
        run, folder, samples=SAMPLES, cut=configuration.cut if is_cut else None, by_exit=policy is not None and not is_cut,
        codec=configuration.codec if is_cut else None,
    )  # fmt: skip
    state = {} if policy is None else _state(files, policy, facts.point)
    shipment.policies = [] if policy is None else [_shipped(run, policy, facts.point, state)]
    shipment.pack()
    write_whole(folder / PLAN, (json.dumps(_plan(found, record, state), indent=1) + "\n").encode(), "--ship")
    names = {one.path for one in shipment.written} | {folder / "manifest.json", folder / PLAN}
    return sorted(names | {path for path in [folder / STATES] if path.exists()})


def _with_weights(found: Found, store: Store) -> tuple[Record, RunFiles]:
    network = found.option.network
    for path, record in zip(network.paths, network.records, strict=True):
        files = store.run_files(path)
        if files.weights.is_file():
            return record, files
    first = store.run_files(network.paths[0])
    run = ResolvedRun.of(RunRequest.of(network.records[0], records=store.records, runs=store.runs))
    raise SeesawError(
        f"The weights of {network.name} lie in no folder of runs here ({first.weights}): records hold numbers alone. Train it: "
        f"{training_command(run)}, and plan again with --records results/records, or name the folder that has them: --runs."
    )


def _state(files: RunFiles, policy: str, point: int | None) -> dict[str, Any]:
    """The state of a policy's operating point."""
    from bench.replay.exits.states import load_states

    states = load_states(files.states).get(policy, [])
    if point is None or point >= len(states):
        raise SeesawError(
            f"{files.states} has no point {point} of {policy}. Measure the run again: seesaw run ... --measure."
        )
    return dict(states[point])


def _shipped(run: ResolvedRun, policy: str, point: int | None, state: dict[str, Any]) -> Any:
    from bench.replay.exits.shipped import Shipped

    choice = next((one for one in run.policies if one.spec == policy), None)
    if choice is None or point is None:
        raise SeesawError(f"The run has no policy {policy}. Measure it again: seesaw run ... --measure.")
    return Shipped(policy, choice.plugin, point, state)


def _plan(found: Found, record: Record, state: dict[str, Any]) -> dict[str, Any]:
    """The configuration as JSON values; a threshold that is never reached is null."""
    from torch import isfinite

    configuration, costs = found.option.configuration, found.costs
    facts = found.option.facts[found.option.network.records.index(record)]
    thresholds = state.get("thresholds")
    return {
        "format": 1,
        "task": record.setup.task.spec,
        "model": record.setup.model,
        "record": record.digest,
        "seed": record.seed,
        "cut": configuration.cut,
        "codec": configuration.codec or None,
        "policy": configuration.policy,
        "point": facts.point,
        "thresholds": None
        if thresholds is None
        else [float(one) if bool(isfinite(one)) else None for one in thresholds],
        "expected": {
            "accuracy": costs.accuracy.value, "seeds": costs.accuracy.n, "seconds": costs.latency, "mean_seconds": costs.mean,
            "device_bytes": costs.device_bytes, "joules": costs.energy, "sent_bytes": costs.sent, "stays": costs.stays,
        },
    }  # fmt: skip
