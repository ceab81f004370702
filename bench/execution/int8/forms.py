"""Forms: the ways in which kernels of whole numbers can compute a layer, and the fastest of them on this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from bench.execution.int8.quantise import IntAffine
from bench.execution.int8.sheets import sheet_of
from bench.execution.program.choices import choices, kind, quickest

ALONG, ACROSS, AMONG = range(3)
"""In the order of `WholeForm` in kernels/whole_steps.h: along the runs of a layer; 16 rows of a group side by side; 16 rows side by
side that read places of their own."""
NAMES = ("along", "across", "among")
SHARED = 16
"""Rows of a group on average, above which they are not looked at one by one."""
ROUNDS = 3
"""Rounds in which forms are compared."""

FormChoice = Callable[[IntAffine, int, Sequence[int]], int]
"""Chooses the form of a layer for so many samples side by side, among these."""


def forms_of(layer: IntAffine, samples: int) -> list[int]:
    """The forms that can compute a layer for so many samples side by side."""
    step = layer.step
    single = step.outer * step.inner * step.length * samples == 1
    forms = [ACROSS if single else ALONG]
    if len(layer.bias) <= SHARED * len(layer.groups) and sheet_of(step, samples) is not None:
        forms.append(AMONG)
    return forms


def fastest(
    layer: IntAffine, samples: int, forms: Sequence[int], alone: Callable[[int], Callable[[], object]]
) -> int:
    """The fastest of these forms, measured once for each machine and kind of layer.

    Args:
        layer: of a program.
        samples: side by side.
        forms: that can compute it.
        alone: makes a call of the layer in a form.
    """
    if len(forms) == 1:
        return forms[0]
    by_name = {NAMES[form]: form for form in forms}

    def measure() -> str:
        return list(by_name)[quickest([alone(form) for form in forms], ROUNDS)]

    measured = choices(torch.get_num_threads())
    return by_name[measured.choice(f"int8 {kind(layer.step, samples)}", by_name, measure)]
