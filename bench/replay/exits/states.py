"""States of policies on disk, one file a run, with which another process decides as replay did."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from bench.arrays import hold_plain
from bench.errors import SeesawError
from bench.files import write_whole
from bench.kinds.policy import State

COUNTS, MAX_POINTS = "operating points", 1 << 16
"""The key of the numbers of points in the file's metadata, and how many points one file may hold."""


def save_states(path: Path, states: Mapping[str, Sequence[State]]) -> None:
    """Write the states of policies, by spec in the order of operating points, whole or not at all."""
    tensors = {
        f"{number}/{name}/{spec}": tensor.detach().clone(memory_format=torch.contiguous_format)
        for spec, points in states.items()
        for number, state in enumerate(points)
        for name, tensor in state.items()
    }
    counts = {spec: len(points) for spec, points in states.items()}
    write_whole(path, save(tensors, {COUNTS: json.dumps(counts)}), "--runs")


def load_states(path: Path) -> dict[str, list[State]]:
    """The states of policies, by spec in the order of operating points.

    A process that passes one, with its policy, to `bench.replay.exits.decide.leaves_now` decides as the run.

    Raises:
        SeesawError: no file, or no whole one.
    """
    try:
        hold_plain(path)
        with safe_open(str(path), "pt") as file:
            counts: dict[str, int] = json.loads((file.metadata() or {})[COUNTS])
            if not all(type(n) is int and 0 <= n <= MAX_POINTS for n in counts.values()):
                raise ValueError("numbers of points that are none")
            if sum(counts.values()) > MAX_POINTS:
                raise ValueError(f"more than {MAX_POINTS:,} points")
            states: dict[str, list[State]] = {spec: [{} for _ in range(n)] for spec, n in counts.items()}
            for key in file.keys():  # noqa: SIM118 - the file cannot be iterated over
                number, name, spec = key.split("/", 2)
                states[spec][int(number)][name] = file.get_tensor(key)
            return states
    except (OSError, SafetensorError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise SeesawError(
            f"{path} holds no states of policies ({error}). Run the network again to make them."
        ) from error
