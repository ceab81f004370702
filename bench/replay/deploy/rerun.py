"""A deployment record deployed again, from the files of its run."""

from __future__ import annotations

from bench.errors import SeesawError
from bench.kinds.channel import Channel
from bench.kinds.split import SplitPolicy
from bench.plugins.plugin import choose
from bench.records.deployment import DeploymentRecord
from bench.records.setup import spec_of
from bench.records.store import Store
from bench.replay.deploy.deployment import Deployment, network_of


def again(record: DeploymentRecord, store: Store, **unused: object) -> DeploymentRecord:
    """Deploy what a sound record says once more, with the seconds of the profiles that it holds.

    Args:
        record: the record.
        store: the store of its run's record and files.
        unused: arguments that other kinds of files need to be made again.

    Raises:
        SeesawError: a plugin is a draft, a file of the run is missing or another one, or the channel gives another table.
    """
    files = store.run_files(store.run_record(record.setup, record.seed))
    channel = choose(Channel, spec_of(record.way.channel))
    policies = [choose(SplitPolicy, spec_of(one)) for one in record.players]
    network = network_of(files, store)
    if network.digest != record.crossings:
        raise SeesawError(
            f"{files.crossings} is not the file that this was computed from: the run was measured again since. Deploy it anew: "
            "seesaw deploy --keep."
        )
    deployment = Deployment.of(network, channel, (record.device, record.server), record.circumstances)
    made = deployment.record(policies, deployment.play(policies))
    if made.way.table != record.way.table:
        raise SeesawError(
            f"{record.way.channel.spec} gives another table here (digest {made.way.table}, recorded {record.way.table}). Use the same "
            "recording and version."
        )
    return made
