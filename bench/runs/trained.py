"""Earlier: a network that was trained before, to be measured again without training."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from bench.errors import SeesawError
from bench.kinds.build import untrained
from bench.network.net import Net
from bench.plugins.spec import render
from bench.records import record as records
from bench.records.checks.run import faults
from bench.records.record import Record
from bench.records.store import specs_of
from bench.replay.trace import Trace, topk
from bench.runs.request import Order, Plan
from bench.runs.training.lit import Epoch, Log
from bench.shipping.packed.pack import restore

PACKED = "weights sha256"
"""Note of a record: the fingerprint of its packed weights."""


def fingerprint(data: bytes) -> str:
    """By which a file of weights is known."""
    return hashlib.sha256(data).hexdigest()[:16]


def order_of(found: Record, *, data: Path, records: Path, runs: Path) -> Order:
    """The order that a record's settings come from, with places of its own.

    Raises:
        SeesawError: it was made with a draft or from a file of weights, neither of which it contains.
    """
    specs = specs_of(found)
    if found.setup.weights is not None:
        raise SeesawError("This record began from a file of weights, which it does not hold. Run it by hand.")
    return Order(
        specs["task"][0],
        f"{specs['backbone'][0]}_{specs['method'][0]}",
        specs["exits"][0],
        tuple(specs["policies"]),
        tuple(specs["codecs"]),
        tuple(specs["meters"]),
        found.seed,
        {key: render(value) for key, value in found.setup.recipe.items()},
        found.setup.device,
        cut=found.setup.cut,
        values=found.setup.values or "float32",
        lean=found.setup.lean,
        data=data,
        records=records,
        runs=runs,
    )


@dataclass(frozen=True)
class Earlier:
    """A record whose network still lies in its run's folder."""

    record: Record
    weights: Path

    @classmethod
    def of(cls, plan: Plan) -> Earlier | None:
        """The newest record of the same training and seed, whatever was measured of it then, with its weights."""
        model = plan.path.parent.name.rpartition("-")[0]
        found = []
        for path in plan.path.parent.parent.glob(f"{model}-*/{plan.path.name}"):
            weights = plan.run_of(path) / "weights.safetensors"
            try:
                record = records.load(path)
            except SeesawError:
                continue  # a broken record is no reason not to train
            if faults(record, path, plan.order.records):
                continue  # nor is one that was changed by hand
            able = record.setup.values in (
                None,
                plan.setup.values,
            )  # what is rounded cannot be made whole again
            if able and record.setup.trained() == plan.setup.trained() and weights.exists():
                found.append(cls(record, weights))
        return max(found, key=lambda one: (one.record.setup.values is None, one.record.created), default=None)

    def network(self, plan: Plan) -> Net:
        """The trained network, in eval mode, on the CPU.

        Raises:
            SeesawError: the file is damaged, or not the one that the record was made with.
        """
        _, net = untrained(
            plan.backbone.plugin,
            plan.method.plugin,
            plan.exits.plugin,
            plan.about,
            cut=plan.setup.cut,
            seed=plan.order.seed,
        )
        self.restore(net)
        return net.eval()

    def restore(self, net: Net) -> None:
        """Give a network built alike its trained weights and masks.

        Raises:
            SeesawError: the file is damaged, or not the one that the record was made with.
        """
        data = self.weights.read_bytes()
        if self.record.notes.get(PACKED, fingerprint(data)) != fingerprint(data):
            raise SeesawError(
                f"{self.weights} is not the file that {self.record.setup.model} seed {self.record.seed} was recorded "
                "with. Train again: --again."
            )
        restore(net, data)

    def log(self) -> Log:
        """What its training had written down."""
        rows = [row.model_dump() for row in self.record.training]
        return Log(epochs=[Epoch(index, **row) for index, row in enumerate(rows)])

    def check(self, test: Trace) -> None:
        """Raise where the network is not the one that the record measured.

        Raises:
            SeesawError: an exit's accuracy differs.
        """
        for number, exit_ in enumerate(self.record.exits):
            told, found = exit_.readings["top1"].value, topk(test.logits[number], test.labels, 1)
            if abs(told - found) > 1.5 / len(test.labels):  # another machine may tip a sample
                raise SeesawError(
                    f"The weights in {self.weights} give exit {number} an accuracy of {found:.4f}, and their record "
                    f"says {told:.4f}. They are not that record's: train again with --again."
                )
