"""Recorded: the machine that measured the run, by the latencies in its record."""

from bench import PartTimes, Positive, Profile, Record, SeesawError


class Recorded(Profile):
    """The machine of the run, by its record: no codec was timed there, and a head is what its exit takes beyond the stages."""

    watts: Positive | None = None
    """of the machine while it computes, where you have it from elsewhere"""

    def times(self, run: Record) -> PartTimes:
        device, server = ([self._seconds(run, cut, side) for cut in range(len(run.cuts))] for side in ("device", "server"))
        exits = [exit_.readings.get("latency") for exit_ in run.exits]
        if any(one is None for one in exits):
            raise SeesawError("The record has no latencies. Run the network with the meter latency, or profile it: seesaw profile.")
        heads = [
            max(one.value - device[exit_.stage + 1], 0.0)
            for one, exit_ in zip(exits, run.exits, strict=True)
            if one is not None
        ]
        heads[-1] = 0.0  # the last head is timed with the whole network
        return PartTimes(
            device=tuple(device),
            server=tuple(server),
            heads=tuple(heads),
            time="measured",
            source=f"the run's record, {run.machine.get('processor', 'unnamed machine')}, codecs untimed",
            watts=self.watts,
            energy="unknown" if self.watts is None else "modelled",
        )

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
