"""Steps of whole numbers: those of a program of levels as constant data for C."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.execution.int8.levels import Scaling
from bench.execution.int8.quantise import IntAffine, IntEach, IntStep
from bench.execution.program.program import Affine, Each, ProgramStep, Zero
from bench.shipping.c.steps import NONE, Fields, Steps, ordered, shape_of, values_of
from bench.shipping.c.tables import FLOAT, LEVEL, WHOLE


@dataclass
class IntSteps(Steps):
    """Steps in C, as `Steps`, of levels.

    Attributes:
        classes: how many logits an exit has.
        scratch: numbers of 16 bits that a layer gathers beside the arena's levels, at most.
        sums: rows whose largest sums a layer keeps, at most.
    """

    classes: int = 0
    scratch: int = 0
    sums: int = 0

    def call(self, step: ProgramStep | IntStep) -> str:
        """The statement in C that carries out a step, whose constants are added."""
        if isinstance(step, IntAffine):
            return f"model_affine(arena, &{self._named('int_layer', self._int_layer(step))});"
        if isinstance(step, IntEach):
            return f"model_elements(arena->numbers, &{self._named('int_each', self._int_each(step))});"
        assert isinstance(step, Zero)
        return f"model_clear(arena->numbers, &{self._named('int_zero', self._zero(step))});"

    def _int_layer(self, layer: IntAffine) -> Fields:
        step = layer.step
        places = Affine(layer.groups, step.columns, step.bias)
        layers = [ordered(places, group) for group in layer.groups]
        values = values_of(layers)
        fields = self._index(layers) | self._window(step) | _positions(step)
        single = step.outer * step.inner * step.length == 1 and step.window is None
        alone = all(len(group.rows) == 1 for group, _ in layers)
        alike = single and alone and len(layers) > 1 and bool((values == values[0]).all())
        gapped = fields["bytes"] != NONE or fields["wide"] != NONE
        together = [
            (len(group.rows), len(columns)) for group, columns in layers if not gapped or len(group.rows) > 1
        ]
        if single and gapped:
            self.scratch = max([self.scratch, *(-(-count // 2) for _, count in together)])
        elif not single:
            self.scratch = max([self.scratch, *(2 * count for _, count in together)])
        if step.window is not None:
            self.sums = max([self.sums, *(rows for rows, _ in together)])
        fields |= {
            "values": self.tables.add(values[:1] if alike else values, LEVEL),
            "alike": int(alike),
        }
        fields |= self._rows("bias", layer.bias, WHOLE)
        if layer.scales is not None:
            return fields | {
                "scales": self.tables.add(layer.scales, FLOAT),
                "factors": NONE,
                "factors_step": 0,
            }
        assert layer.scaling is not None
        fields |= {"scales": NONE, "more_factor": str(layer.more)} | self._rows(
            "factors", layer.scaling.factors, WHOLE
        )
        return fields | _scaled(layer.scaling)

    def _rows(self, key: str, numbers: np.ndarray, kind: str) -> Fields:
        """A number for every row, or one for all."""
        same = bool((numbers == numbers[0]).all())
        return {key: self.tables.add(numbers[:1] if same else numbers, kind), f"{key}_step": 0 if same else 1}

    def _int_each(self, each: IntEach) -> Fields:
        step: Each = each.step
        if each.scaling is None:
            bounds: Fields = {"factors": NONE, "low": str(each.low), "span": each.high - each.low}
            return self._elements(step) | bounds
        return (
            self._elements(step)
            | {"factors": self.tables.add(each.scaling.factors, WHOLE)}
            | _scaled(each.scaling)
        )


def _positions(step: Affine) -> Fields:
    """The positions of a layer as lines and places in a line, and what it adds."""
    fields = shape_of(step)
    length = fields.pop("length")
    if step.length == 1:
        return fields
    assert step.inner == 1, "a layer has runs of several positions in a line"
    return fields | {"inner": length, "in_inner": 1, "out_inner": 1, "more_inner": 1}


def _scaled(scaling: Scaling) -> Fields:
    sign = "-" if scaling.start < 0 else ""
    return {
        "start": f"{sign}INT64_C({abs(scaling.start)})", "shift": scaling.shift - 32, "low": str(scaling.low),
        "span": scaling.high - scaling.low,
    }  # fmt: skip
