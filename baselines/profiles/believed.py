"""Believed: a device whose requests take what one profile says, while split policies are told what another one predicts.

So a policy decides on a device that was never timed with this network, as Neurosurgeon's does (Kang et al., ASPLOS 2017), and what
its decisions are worth is counted by the times that the network really takes there.
"""

from dataclasses import replace

from bench import PartTimes, Profile, ProfileSpec, Record, SeesawError, Told, choose


class Believed(Profile):
    """A device that takes what `of` says; policies are told what `by` predicts."""

    of: ProfileSpec = "recorded"
    """spec of the profile that is counted"""
    by: ProfileSpec = "predicted"
    """spec of the profile that policies are told: the network's parts, codecs aside"""

    def times(self, run: Record) -> PartTimes:
        counted, told = (choose(Profile, spec).plugin.times(run) for spec in (self.of, self.by))
        if counted.told is not None or told.told is not None:
            raise SeesawError(
                "believed[] stands within another believed[]. Name a profile for each of of= and by=."
            )
        return replace(
            counted, by_layer=told.by_layer, source=f"{counted.source}; policies are told {told.source}",
            told=Told(source=told.source, device=list(told.device), server=list(told.server)),
        )  # fmt: skip
