"""Published: a board by somebody's published figure, spread over the network by its MACs. A model, named as such.

EfficientNet-lite0 takes 12 ms on four threads of a Pixel 4 in float32 (tensorflow/tpu, EfficientNet-lite, README, 2020), 9.0 ms on
its GPU; its convolutions and products are 385 M multiply-accumulates. Stages do not follow MACs closely (of lite0's a third of the
time falls on a stage with a seventh of the MACs), so these are orders of magnitude.
"""

from typing import Literal

from bench import Graph, OperationTimes, PartTimes, Positive, Profile, Record, SeesawError

MACS_A_SECOND = {"pixel-4-cpu": 385e6 / 12e-3, "pixel-4-gpu": 385e6 / 9.0e-3}
"""By board: multiply-accumulates of the network that was timed, over its published seconds."""


class Published(Profile):
    """A published board, whose seconds follow from MACs (modelled), those of all heads on the way among them."""

    board: Literal["pixel-4-cpu", "pixel-4-gpu"] = "pixel-4-cpu"
    """whose figure is taken"""
    watts: Positive | None = None
    """of the board while it computes; left open: unknown"""

    def times(self, run: Record) -> PartTimes:
        rate = MACS_A_SECOND[self.board]
        device = [cut.readings.get("macs.device") for cut in run.cuts]
        exits = [exit_.readings.get("macs") for exit_ in run.exits]
        if not all(device) or not all(exits):
            raise SeesawError("The record has no MACs. Run the network with the meter macs.")
        macs = [one.value for one in device if one is not None]
        return PartTimes(
            device=tuple(one / rate for one in macs),
            server=tuple(max(macs[-1] - one, 0.0) / rate for one in macs),
            exits=tuple(one.value / rate for one in exits if one is not None),
            heads=(0.0,) * len(run.exits),
            time="modelled",
            source=self._source(),
            watts=self.watts,
            energy="unknown" if self.watts is None else "modelled",
        )

    def operations(self, graph: Graph) -> OperationTimes:
        seconds = tuple(one.macs / MACS_A_SECOND[self.board] for one in graph.operations)
        return OperationTimes(seconds, "modelled", self._source())

    def _source(self) -> str:
        return f"{self.board}, {MACS_A_SECOND[self.board] / 1e9:.0f} GMAC/s by EfficientNet-lite0's published time"
