"""Recorded: the machine that measured the run, by the latencies in its record."""

from collections.abc import Iterator

from bench import Graph, OperationTimes, PartTimes, Positive, Profile, Record, SeesawError


class Recorded(Profile):
    """The machine of the run, by its record: all heads on the way are in its times, and no codec is."""

    watts: Positive | None = None
    """of the machine while it computes, where you have it from elsewhere"""

    def times(self, run: Record) -> PartTimes:
        device, server = (
            [self._seconds(run, cut, side) for cut in range(len(run.cuts))] for side in ("device", "server")
        )
        return PartTimes(
            device=tuple(device),
            server=tuple(server),
            exits=tuple(self._exits(run)),
            heads=(0.0,) * len(run.exits),
            time="measured",
            source=f"the run's record, {run.machine.get('processor', 'unnamed machine')}, heads included, codecs untimed",
            watts=self.watts,
            energy="unknown" if self.watts is None else "modelled",
            disturbed=any(
                not one.is_reliable
                for part in (*run.cuts, *run.exits)
                for name, one in part.readings.items()
                if name.startswith("latency")
            ),
        )

    def operations(self, graph: Graph) -> OperationTimes:
        return graph.times

    @staticmethod
    def _exits(run: Record) -> Iterator[float]:
        """The latency of each exit."""
        for number, exit_ in enumerate(run.exits):
            reading = exit_.readings.get("latency")
            if reading is None:
                raise SeesawError(
                    f"The record has no latency of exit {number}. Run the network with the meter latency, or profile it: seesaw profile."
                )
            yield reading.value

    @staticmethod
    def _seconds(run: Record, cut: int, side: str) -> float:
        """The latency of one part; 0 for the part that is none."""
        if cut == (0 if side == "device" else len(run.cuts) - 1):
            return 0.0
        reading = run.cuts[cut].readings.get(f"latency.{side}")
        if reading is None:
            raise SeesawError(
                f"The record has no latency of the {side}'s part at cut {cut}. Run the network with the meter latency, or profile "
                "it: seesaw profile."
            )
        return reading.value
