"""Believed: a device whose requests take what one profile says, while split policies decide by what another one predicts.

So a policy decides on a device that was never timed with this network, as Neurosurgeon's does (Kang et al., ASPLOS 2017), and what
its decisions are worth is counted by the times that the network really takes there.
"""

from dataclasses import replace

from bench import Estimates, PartTimes, Profile, ProfileSpec, Record, SeesawError, choose


class Believed(Profile):
    """A device that takes what `of` says; policies decide by what `by` predicts."""

    of: ProfileSpec = "recorded"
    """spec of the profile that is counted"""
    by: ProfileSpec = "predicted"
    """spec of the profile that policies decide by: the network's parts, codecs aside"""

    def times(self, run: Record) -> PartTimes:
        counted, guessed = (choose(Profile, spec).plugin.times(run) for spec in (self.of, self.by))
        if counted.estimates is not None or guessed.estimates is not None:
            raise SeesawError(
                "believed[] stands within another believed[]. Name a profile for each of of= and by=."
            )
        return replace(
            counted, by_layer=guessed.by_layer, source=f"{counted.source}; policies decide by {guessed.source}",
            estimates=Estimates(source=guessed.source, device=list(guessed.device), server=list(guessed.server)),
        )  # fmt: skip
