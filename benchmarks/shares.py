"""What `execution.py --check` holds: the products a second of each kind of layer, as a share of this machine's own dense product.

A kernel that loses its registers, or its inlining, still gives right answers: it computes at a twentieth of what the processor
can do, and no test sees that. A share needs no quiet machine, as both products are timed in turn, by the processor's clock, and
the shortest of the rounds counts. Each kind of layer fails below two fifths of the share that is known for the kernels' registers.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jobs import DEGREE, SHARED, chains
from rich import box
from rich.table import Table
from torch import nn

from bench import hide, mask_from
from bench.execution.native import vectors

SIZE = 768
"""Rows and columns of the dense product."""
DENSITY = 0.125
LEAST = 0.4
"""The share of what is known that a kind of layer must reach."""


@dataclass(frozen=True)
class Kind:
    """A kind of layer.

    Attributes:
        name: what the table calls it.
        layer: makes the dense layer.
        shape: of a batch of its inputs.
        pattern: of the weights that exist; None for all.
        known: the share of the dense product that was measured, by the kernels' registers: on an Intel Xeon with AVX-512, and on
            the same one held to AVX2 (`SEESAW_TARGET=x86-64-v3 ATEN_CPU_CAPABILITY=avx2 MKL_ENABLE_INSTRUCTIONS=AVX2`); of depthwise
            layers on an EPYC.
    """

    name: str
    layer: Callable[[], nn.Linear | nn.Conv2d]
    shape: tuple[int, ...]
    pattern: str | None
    known: dict[str, float]

    def limit(self) -> float:
        """The least share on this machine; registers that nobody measured are held to the lowest that is known."""
        return LEAST * self.known.get(vectors(), min(self.known.values()))


def _conv(channels: int, groups: int = 1) -> Callable[[], nn.Conv2d]:
    return lambda: nn.Conv2d(channels, channels, 3, padding=1, bias=False, groups=groups)


def _linear() -> nn.Linear:
    return nn.Linear(1024, 1024, bias=False)


KINDS = (
    Kind("linear, shared, batch 128", _linear, (128, 1024), SHARED, {"AVX-512": 0.63, "AVX2": 0.58}),
    Kind("linear, free, batch 128", _linear, (128, 1024), DEGREE, {"AVX-512": 0.30, "AVX2": 0.38}),
    Kind("convolution 32 x 32, shared, batch 1", _conv(64), (1, 64, 32, 32), SHARED, {"AVX-512": 0.45, "AVX2": 0.40}),
    Kind("convolution 32 x 32, shared, batch 16", _conv(64), (16, 64, 32, 32), SHARED, {"AVX-512": 0.42, "AVX2": 0.36}),
    Kind("convolution 32 x 32, free, batch 1", _conv(64), (1, 64, 32, 32), DEGREE, {"AVX-512": 0.25, "AVX2": 0.34}),
    Kind("convolution 32 x 32, free, batch 16", _conv(64), (16, 64, 32, 32), DEGREE, {"AVX-512": 0.27, "AVX2": 0.34}),
    Kind("convolution 4 x 4, free, batch 1", _conv(512), (1, 512, 4, 4), DEGREE, {"AVX-512": 0.14, "AVX2": 0.21}),
    Kind("convolution 32 x 32, depthwise, batch 1", _conv(64, 64), (1, 64, 32, 32), None, {"AVX-512": 0.23, "AVX2": 0.18}),
)  # fmt: skip


def share_of(kind: Kind, rounds: int) -> tuple[float, float]:
    """Products a second of the dense product, and the share of it that the fastest chain of a layer reaches."""
    torch.manual_seed(0)
    layer, x = kind.layer(), torch.randn(kind.shape)
    weights = layer.weight.numel()
    if kind.pattern is not None:
        line = kind.pattern.format(f"density={DENSITY},nearest=true") + "@0"
        mask = mask_from(line, tuple(layer.weight.shape))
        hide(layer, mask, line)
        weights = int(mask.sum())
    a, b, out = torch.randn(SIZE, SIZE), torch.randn(SIZE, SIZE), torch.empty(SIZE, SIZE)
    jobs = [lambda: torch.mm(a, b, out=out), *chains(layer, lambda inputs: [layer(inputs)], x)]
    least = [math.inf] * len(jobs)
    with torch.no_grad():
        for _ in range(max(1, rounds)):
            for number, job in enumerate(jobs):
                job()
                begun = time.process_time()
                job()
                job()
                least[number] = min(least[number], (time.process_time() - begun) / 2)
    dense = SIZE**3 / least[0]
    return dense, weights * math.prod(kind.shape[2:]) * kind.shape[0] / min(least[1:]) / dense


def checked(rounds: int, only: str = "") -> tuple[Table, list[str]]:
    """The table of all kinds of layers with this process's threads, and a sentence for each that is too slow."""
    columns = ("layer at 12.5%", "dense product", "ours", "share", "known", "at least")
    table, faults = Table(*columns, box=box.MARKDOWN), list[str]()
    for kind in KINDS:
        if only not in kind.name:
            continue
        dense, share = share_of(kind, rounds)
        known, limit = kind.known.get(vectors()), kind.limit()
        table.add_row(
            kind.name, f"{dense / 1e9:.0f} GMAC/s", f"{share * dense / 1e9:.1f} GMAC/s", f"{share:.0%}",
            "-" if known is None else f"{known:.0%}", f"{limit:.0%}",
        )  # fmt: skip
        if share < limit:
            faults.append(
                f"{kind.name}: {share:.0%} of the machine's own dense product, and at least {limit:.0%} are due with "
                f"{vectors()}. Look at what the compiler made of bench/execution/kernels, or mend benchmarks/shares.py."
            )
    return table, faults
