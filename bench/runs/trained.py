"""A network that was trained before, built again and given its weights without training."""

from __future__ import annotations

import hashlib

from bench.errors import SeesawError
from bench.kinds.build import seeded, untrained
from bench.network.net import Net
from bench.records.notes import PACKED
from bench.records.record import Record
from bench.records.store import Trained
from bench.replay.exits.scores import top
from bench.replay.trace import Trace
from bench.runs.request import ResolvedRun
from bench.shipping.packed.pack import restore


def fingerprint(data: bytes) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a file of weights."""
    return hashlib.sha256(data).hexdigest()[:16]


def network_of(run: ResolvedRun, trained: Trained) -> Net:
    """The trained network, in eval mode, on the CPU.

    Raises:
        SeesawError: the file is damaged, or not the one that the record was made with.
    """
    plugins = run.backbone.plugin, run.method.plugin, run.exits.plugin
    with seeded(run.seed):
        _, net = untrained(*plugins, run.about, cut=run.setup.cut, seed=run.seed)
    give_weights(net, trained)
    return net.eval()


def give_weights(net: Net, trained: Trained) -> None:
    """Give a network built alike its trained weights and masks.

    Raises:
        SeesawError: the file is damaged, or not the one that the record was made with.
    """
    data = trained.weights.read_bytes()
    if trained.record.notes.get(PACKED, fingerprint(data)) != fingerprint(data):
        raise SeesawError(
            f"{trained.weights} is not the file that {trained.record.name} was recorded with. Train again: --again."
        )
    restore(net, data)


def check_accuracies(trained: Trained, test: Trace) -> None:
    """Hold a network's accuracies on the test split against the record of its training.

    Raises:
        SeesawError: an exit's accuracy differs.
    """
    record: Record = trained.record
    for number, exit_ in enumerate(record.exits):
        recorded, measured = exit_.readings["top1"].value, top(test.logits[number], test.labels, 1)
        if abs(recorded - measured) > 1.5 / len(test.labels):  # another machine may tip a sample
            raise SeesawError(
                f"The weights in {trained.weights} give exit {number} an accuracy of {measured:.4f}, and their record "
                f"says {recorded:.4f}. They are not that record's: train again with --again."
            )
