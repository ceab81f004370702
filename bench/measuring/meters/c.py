"""C: what a network takes of a microcontroller as generated code: flash, RAM, and instructions in emulation."""

from __future__ import annotations

import copy
from typing import Annotated

import numpy as np
import torch
from pydantic import Field

from bench.errors import SeesawError
from bench.kinds.meter import Measurement, Meter, Subject
from bench.network.net import Part
from bench.records.reading import Reading, Readings
from bench.shipping.c.boards import Board, board_of
from bench.shipping.c.code import code_of
from bench.shipping.c.emulate import OPTIMISED, Emulated, emulate, version, why_not

COSTS = ("flash", "ram", "instructions")
CALIBRATED = 256
"""Samples of the calibration split, from its first, from which C of int8 has its scales."""


class C(Meter):
    """Flash, RAM and instructions of the generated C on emulated microcontrollers, to each exit and of each device part.

    Where weights are packed as int8, it is C that computes with int8, with scales from calibration samples.
    """

    boards: tuple[str, ...] = ("cortex-m4",)
    """of cortex-m4, cortex-m7, cortex-m33, cortex-m55 and rv32imc"""
    samples: Annotated[int, Field(ge=1, le=64)] = 4
    """drawn inputs, whose instructions are counted"""

    def measure(self, subject: Subject) -> Measurement:
        """Compile and run each device part on each board; readings that there are not have their reason."""
        measurement = Measurement()
        for name in self.boards:
            try:
                self._add(measurement, subject, board_of(name))
            except SeesawError as error:
                measurement.absent |= {f"{cost}.{name}": str(error) for cost in COSTS}
        return measurement

    def _add(self, measurement: Measurement, subject: Subject, board: Board) -> None:
        """The readings of one board, all of them or none.

        Raises:
            SeesawError: no toolchain is here, a part cannot be said in C, or does not fit.
        """
        if (reason := why_not(board)) is not None:
            raise SeesawError(reason)
        net = copy.deepcopy(subject.net).cpu()
        if net.sample.dtype != torch.float32:
            raise SeesawError("C takes samples of float32, and this network takes other ones.")
        drawn = torch.randn(
            self.samples, *net.sample.shape, generator=torch.Generator().manual_seed(0)
        ).numpy()
        calibration = None
        if subject.values == "int8":
            if subject.inputs is None:
                raise SeesawError("C of int8 takes its scales from calibration samples, and there are none.")
            calibration = subject.inputs()[:CALIBRATED].cpu()
        kind = "float32" if calibration is None else "int8"
        exits: dict[int, Readings] = {}
        cuts: dict[int, Readings] = {}
        for k in range(1, len(net.stages) + 1):
            part = Part(net, 0, k)
            ran = emulate(code_of(part, "", {}, calibration), net.classes, board, list(drawn))
            if k - 1 in net.exits:
                number = net.exits.index(k - 1)
                exits[number] = self._readings(ran, ran.instructions[:, number], board, kind, "")
            cuts[k] = self._readings(ran, ran.instructions[:, -1], board, kind, ".device")
            subject.report(k, len(net.stages), f"C on {board.name}")
        for found, own in ((measurement.exits, exits), (measurement.cuts, cuts)):
            for place, readings in own.items():
                found.setdefault(place, {}).update(readings)

    def _readings(
        self, ran: Emulated, instructions: np.ndarray, board: Board, kind: str, side: str
    ) -> Readings:
        compiled = f"C of {kind}, {version(board)} {OPTIMISED[0]}"
        low, middle, high = np.percentile(instructions, [25, 50, 75])
        return {
            f"flash.{board.name}{side}": Reading(
                value=ran.size.flash, unit="B", source=f"{compiled}, code and constants"
            ),
            f"ram.{board.name}{side}": Reading(
                value=ran.ram, unit="B", source=f"{compiled}, arena, variables, stack painted or bounded"
            ),
            f"instructions.{board.name}{side}": Reading(
                value=float(middle),
                unit="instruction",
                source=f"{compiled}, QEMU {board.machine} -icount shift=0, drawn inputs",
                low=float(low),
                high=float(high),
                n=self.samples,
            ),
        }
