"""Exits in ONNX Runtime: a folder of parts by exit, run in turn, each on the samples that have not left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.errors import SeesawError, needing
from bench.execution.clock import timed
from bench.kinds.policy import Policy
from bench.network.walk import Walk, walk
from bench.plugins.plugin import choose
from bench.records.reading import Reading
from bench.records.run_files import STATES
from bench.replay.exits.decide import decide, leaves_now
from bench.replay.exits.states import load_states
from bench.shipping.manifest import MANIFEST, Manifest, announced, read_manifest, read_same

MAX_STATES, MAX_MODEL = 1 << 28, 1 << 31
"""Limits of files, in bytes."""
ROUNDS, SECONDS = 15, 10.0
"""Limits of timing."""

Runnable = Callable[[Tensor], list[Tensor]]


@dataclass(frozen=True)
class OnnxExits:
    """A network as ONNX files, one for each exit, and a policy at its operating point.

    Attributes:
        manifest: of the folder.
        stretches: run each file on a batch: outputs are the tensor for the next file (or last logits), and the
            exit's logits.
        policy: decides which samples leave.
        state: of the policy's operating point.
    """

    manifest: Manifest
    stretches: Sequence[Runnable]
    policy: Policy
    state: dict[str, Tensor]

    def __call__(self, x: Tensor) -> Walk:
        """Run a batch from exit to exit; samples that leave are run no further.

        Args:
            x: inputs, (N, *sample), as the network takes them.
        """
        return walk(self.stretches, x, leaves_now(self.policy, self.state))

    def whole(self, x: Tensor) -> Tensor:
        """The logits of every exit for a batch of which no sample leaves, (exits, N, classes)."""
        by_exit = []
        for stretch in self.stretches:
            x, *_, logits = stretch(x)
            by_exit.append(logits)
        return torch.stack(by_exit)

    def expected(self, x: Tensor) -> Tensor:
        """The exit at which each sample leaves in replay, int64 (N,)."""
        return decide(self.policy, [self.state], self.whole(x))[0]

    def clock(self, x: Tensor, batch: int) -> tuple[Reading, Reading]:
        """Seconds for a sample in batches of a size, timed in turn: with exits taken, and without leaving."""
        batches = x.split(batch)

        def each(run: Callable[[Tensor], object]) -> None:
            for one in batches:
                run(one)

        jobs = {"taken": partial(each, self), "whole": partial(each, self.whole)}
        times = timed(jobs, torch.device("cpu"), ROUNDS, SECONDS)
        source = f"clock, ONNX Runtime on the CPU, batches of {batch}"
        return times["taken"].reading(source, each=len(x)), times["whole"].reading(source, each=len(x))


def open_exits(folder: Path, policy: str, threads: int = 1) -> OnnxExits:
    """Parts by exit from a folder that `seesaw pack --by-exit --onnx` wrote.

    Args:
        folder: with the manifest, the ONNX files and the states of policies.
        policy: spec of a policy whose operating point is in the folder.
        threads: of ONNX Runtime.

    Raises:
        SeesawError: no ONNX Runtime, no such parts or policy, or files that are not those that were packed.
    """
    with needing("onnx", "ONNX files need"):
        import onnxruntime  # pyright: ignore[reportMissingImports]  an extra
    manifest = read_manifest(folder)
    names = [f"exit{number}" for number in range(len(manifest.parts))]
    if set(names) != manifest.parts.keys():
        raise SeesawError(
            f"{folder} holds no parts by exit. Write them with: seesaw pack MODEL --by-exit --onnx --out FOLDER"
        )
    if policy not in manifest.policies or manifest.states is None:
        there = ", ".join(f"'{spec}'" for spec in manifest.policies) or "none"
        raise SeesawError(f"{folder / MANIFEST} has no point of {policy!r}. Choose from: {there}.")
    announced(policy)
    read_same(folder / STATES, manifest.states, MAX_STATES)
    states = load_states(folder / STATES).get(policy)
    if not states:
        raise SeesawError(f"{folder / STATES} holds no point of {policy!r}. Pack it again.")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    stretches = []
    for name in names:
        path, digest = folder / f"{name}.onnx", manifest.parts[name].onnx
        if digest is None:
            raise SeesawError(f"{path} was not packed with the others. Pack with --onnx.")
        model = read_same(path, digest, MAX_MODEL)
        try:
            session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the classes of the library's errors have no common base
            raise SeesawError(
                f"{path} is no ONNX file ({str(error).splitlines()[0]}). Pack it again."
            ) from error
        stretches.append(partial(_run, session))
    return OnnxExits(manifest, stretches, choose(Policy, policy).plugin, states[0])


def _run(session: Any, x: Tensor) -> list[Tensor]:
    outputs = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    return [torch.from_numpy(output) for output in outputs]
