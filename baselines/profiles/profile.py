"""Profile: a file that `seesaw profile` wrote on a device."""

from pathlib import Path

from bench import Count, PartTimes, Profile, ProfileFile, Record, SeesawError


class ProfileOfFile(Profile):
    """A device that was profiled with this network: stages, heads and codecs on its own clock."""

    file: str = ""
    """that `seesaw profile` wrote"""
    batch: Count = 1
    """samples in a call, of the sizes in the file"""

    def times(self, run: Record) -> PartTimes:
        if not self.file:
            raise SeesawError(
                "profile[file=] names no file. Name one that `seesaw profile` wrote: profile[file=here.json]."
            )
        profile = ProfileFile.read(Path(self.file))
        if profile.setup.training_digest() != run.setup.training_digest():
            raise SeesawError(
                f"{self.file} profiles {profile.setup.model} ({profile.digest}), and this is {run.setup.model} ({run.digest}). Profile "
                "this network: seesaw profile."
            )
        return profile.times(self.batch)
