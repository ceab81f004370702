"""Local: the device's side of one shipped cut, ready to run, with the exits at which a sample may leave."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.errors import SeesawError
from bench.execution.fast import Fast, fast
from bench.kinds.policy import Policy
from bench.kinds.sending import messages_of
from bench.plugins.plugin import choose
from bench.records.run_files import STATES
from bench.replay.exits.decide import leaves_now
from bench.replay.exits.states import load_states
from bench.shipping.manifest import MANIFEST, announced, read_same
from bench.shipping.serving.cuts import ShippedCut

MAX_STATES = 1 << 28
"""Bytes of a file of policies' states."""
Leaves = Callable[[Tensor], Tensor]
"""Whether a sample leaves, from the logits of the exits so far (exits so far, 1, classes)."""


@dataclass(frozen=True)
class Local:
    """The device's side of one cut.

    Attributes:
        shipped: the cut.
        stretches: its part from exit to exit, each in its fastest way; the last one may end without an exit; none at cut 0.
        leaves: whether a sample leaves; None where no policy was shipped, or no exit is on the device.
        seconds: of the part and the encoder, measured on zeros.
    """

    shipped: ShippedCut
    stretches: list[Fast]
    leaves: Leaves | None
    seconds: float

    @classmethod
    def of(cls, cut: ShippedCut, policy: str | None) -> Local:
        """A cut made ready.

        Args:
            cut: opened for the device.
            policy: spec of an exit policy that was shipped; the first one for None, `none` for none.

        Raises:
            SeesawError: the policy was not shipped, or its file is not the one that was packed.
        """
        x = torch.zeros(1, *cut.manifest.shape, dtype=getattr(torch, cut.manifest.dtype))
        stretches: list[Fast] = []
        seconds = 0.0
        for part in cut.stretches:
            if part.start == part.stop:
                continue  # the cut lies right behind an exit, or before the first stage
            stretches.append(fast(part, x))
            seconds += stretches[-1].seconds[stretches[-1].way.name]
            x = stretches[-1](x)[0]
        made = cls(cut, stretches, leaves_of(cut, policy), seconds)
        made.message(x)  # the first call of a codec loads what it needs
        begun = time.perf_counter()
        made.message(x)
        return cls(cut, stretches, made.leaves, seconds + time.perf_counter() - begun)

    @property
    def exits(self) -> int:
        """How many exits lie on the device."""
        return sum(len(part.heads) > 0 for part in self.shipped.stretches)

    @torch.no_grad()
    def run(self, x: Tensor) -> tuple[Tensor, list[Tensor], bool]:
        """One sample: the tensor behind the last stretch that ran, the logits of the exits passed, and whether it left.

        Args:
            x: (1, *sample), as the network takes it.
        """
        passed: list[Tensor] = []
        for stretch in self.stretches:
            x, *logits = stretch(x)
            if not logits:
                continue
            passed.append(logits[-1])
            if self.leaves is not None and bool(self.leaves(torch.stack(passed))[0]):
                return x, passed, True
        return x, passed, False

    def message(self, feature: Tensor) -> bytes:
        """The frames by which a tensor crosses the cut, from (1, *crossing.joined)."""
        return messages_of(self.shipped.crossing, self.shipped.sent(feature), self.shipped.codec)[0].frames


def leaves_of(cut: ShippedCut, spec: str | None) -> Leaves | None:
    """The decision of a shipped policy; None where none is asked for, or was shipped.

    Raises:
        SeesawError: it was not shipped, or its file is not the one that was packed.
    """
    there = cut.manifest.policies
    if spec == "none" or (spec is None and not there):
        return None
    spec = spec or next(iter(there))
    if cut.cut == 0:
        return None  # no exit lies before it
    if spec not in there or cut.manifest.states is None:
        names = ", ".join(f"'{one}'" for one in there) or "none"
        raise SeesawError(f"{cut.folder / MANIFEST} has no point of {spec!r}. Choose from: {names}.")
    announced(spec)
    read_same(cut.folder / STATES, cut.manifest.states, MAX_STATES)
    states = load_states(cut.folder / STATES).get(spec)
    if not states:
        raise SeesawError(f"{cut.folder / STATES} holds no point of {spec!r}. Pack it again.")
    return leaves_now(choose(Policy, spec).plugin, states[0])
