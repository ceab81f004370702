"""The boards of measured deployments: a section for each machine and kind of link, since times of two are never in one column."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from bench.boards.sectioned import SectionedBoard, read_sectioned
from bench.records.measured import MeasuredDeployment
from bench.records.setup import plan_of
from bench.records.store import Store

LAID = {"proxy": "link by `seesaw link`", "netem": "link by the kernel's netem"}


@dataclass(frozen=True)
class Section:
    """Measured deployments of one machine.

    Attributes:
        machine: in words.
        laid: how the channel was laid.
        records: in the order of networks, links, cuts, codecs and seeds.
    """

    machine: str
    laid: str
    records: tuple[MeasuredDeployment, ...]

    @property
    def title(self) -> str:
        """The machine and the kind of link."""
        return f"Measured on {self.machine}, {LAID[self.laid]}"


MeasuredBoard = SectionedBoard[Section]


def read_measured_boards(store: Store) -> tuple[dict[str, MeasuredBoard], list[str]]:
    """The boards of a store's measured deployments, by name, and a sentence for each file that is none."""
    return read_sectioned(store, MeasuredDeployment, sections)


def sections(records: Iterable[MeasuredDeployment]) -> list[Section]:
    """Sound measured deployments grouped by machine and kind of link."""
    groups: dict[tuple[str, str], list[MeasuredDeployment]] = defaultdict(list)
    for record in records:
        groups[machine_of(record), record.laid].append(record)
    return [
        Section(machine, laid, tuple(sorted(some, key=_order)))
        for (machine, laid), some in sorted(groups.items(), key=lambda one: one[0])
    ]


def machine_of(record: MeasuredDeployment) -> str:
    """The machine in words: processor, cores, and PyTorch's threads of each process."""
    found = record.machine
    return f"{found.get('processor') or 'an unknown processor'}, {found.get('cores')} cores, threads: {found.get('threads')}"


def network_of(record: MeasuredDeployment) -> str:
    """The network in words."""
    return f"{record.setup.model_at_density}, {plan_of(record.setup)}"


def _order(record: MeasuredDeployment) -> tuple[object, ...]:
    return (
        network_of(record),
        record.way.channel.label,
        record.arm.cut,
        record.arm.codec,
        record.asked.rate,
        record.seed,
        record.digest,
    )
