"""Chains: a network, or a part of one, executed by the weights that exist, in one native call a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from bench.execution import native
from bench.execution.chain.compile import program_of
from bench.execution.chain.tape import watch
from bench.execution.program.choices import choices
from bench.execution.program.encode import Code, Encoder
from bench.execution.program.forms import FormChoice
from bench.execution.unsupported import FAILURES, Unsupported

TOLERANCE = 1e-4
"""By how much a chain may differ from the network it was made from, relative to its largest output."""
LEAST = 1e-3
"""Smaller outputs may be rounding errors of larger sums; differences are relative to this at least."""


class Chain:
    """A module as one native call.

    Args:
        code: the chain, for blocks of `code.lanes` samples; a batch of any size runs block by block.
        shapes: of the outputs, without the batch.
    """

    def __init__(self, code: Code, shapes: Sequence[tuple[int, ...]]) -> None:
        self.code, self.shapes = code, shapes
        self.flat = all(len(shape) == 1 for shape in shapes)

    def __call__(self, x: Tensor) -> list[Tensor]:
        """The outputs, each (N, ...)."""
        outputs = self.code.run(x.contiguous())
        if self.flat:
            return outputs
        return [y.reshape(-1, *s) if len(s) > 1 else y for y, s in zip(outputs, self.shapes, strict=True)]


def chain_of(
    module: nn.Module,
    run: Callable[[Tensor], Sequence[Tensor]],
    example: Tensor,
    lanes: int,
    form: FormChoice | None = None,
) -> Chain:
    """A module as a chain, checked against the module itself.

    Args:
        module: in eval mode, with its masks.
        run: takes a batch, returns the outputs.
        example: one sample, (1, ...), float32.
        lanes: samples in a block.
        form: chooses the form of a layer; None takes the fastest on this machine.

    Raises:
        Unsupported: no native kernels here, or the network does something that no step does.
    """
    if (reason := native.why_no_kernels()) is not None:
        raise Unsupported(f"There are no native kernels: {reason}.")
    measured = choices(torch.get_num_threads())
    try:
        tape = watch(module, run, example)
        program = program_of(tape, lanes)
        chain = Chain(Encoder(program, form or measured.form).code(), tape.shapes)
    except FAILURES as error:
        raise Unsupported(f"No chain can be made of this network ({error}).") from error
    measured.keep()
    _check(chain, run, example)
    return chain


def _check(chain: Chain, run: Callable[[Tensor], Sequence[Tensor]], example: Tensor) -> None:
    drawn = torch.Generator().manual_seed(0)
    x = torch.randn(3, *example.shape[1:], generator=drawn)
    with torch.no_grad():
        for ours, theirs in zip(chain(x), run(x), strict=True):
            off = float((ours - theirs).abs().max() / theirs.abs().max().clamp(min=LEAST))
            if not off < TOLERANCE:
                raise Unsupported(
                    f"The chain differs from the network by {off:.2g}, so PyTorch's kernels run this network."
                )
