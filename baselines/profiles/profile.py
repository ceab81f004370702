"""Profile: a file that `seesaw profile` (or `seesaw profile --graph`) wrote on a device."""

from pathlib import Path

from bench import Count, Graph, OperationTimes, PartTimes, Profile, ProfileFile, Record, SeesawError


class ProfileOfFile(Profile):
    """A device that was profiled with this network: stages, heads and codecs on its own clock."""

    file: str = ""
    """that `seesaw profile` wrote"""
    batch: Count = 1
    """samples in a call, of the sizes in the file"""

    def times(self, run: Record) -> PartTimes:
        profile = ProfileFile.read(self._path())
        if profile.setup.training_digest() != run.setup.training_digest():
            raise SeesawError(
                f"{self.file} profiles {profile.setup.model} ({profile.digest}), and this is {run.setup.model} ({run.digest}). Profile "
                "this network: seesaw profile."
            )
        return profile.times(self.batch)

    def operations(self, graph: Graph) -> OperationTimes:
        other = Graph.read(self._path())
        if other.identity != graph.identity:
            raise SeesawError(
                f"{self.file} has the operations of {other.model} for samples {other.sample}, and this is {graph.model} for "
                f"{graph.sample}. Profile this network there: seesaw profile --graph."
            )
        return other.times

    def _path(self) -> Path:
        if not self.file:
            raise SeesawError(
                "profile[file=] names no file. Name one that `seesaw profile` wrote: profile[file=here.json]."
            )
        return Path(self.file)
