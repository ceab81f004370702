"""The boards of deployment records: a section for each network, link and pair of profiles."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from bench.boards.data import pair
from bench.boards.deployments.section import Section
from bench.boards.sectioned import SectionedBoard, read_sectioned
from bench.boards.units import short
from bench.records.deployment import DeploymentRecord
from bench.records.store import Store

DeploymentBoard = SectionedBoard[Section]


def read_deployment_boards(store: Store) -> tuple[dict[str, DeploymentBoard], list[str]]:
    """The boards of a store's deployment records, by name, and a sentence for each file that is none."""
    return read_sectioned(store, DeploymentRecord, sections)


def sections(records: Iterable[DeploymentRecord]) -> list[Section]:
    """Sound deployment records grouped by network and request, one for each seed."""
    groups: dict[str, dict[int, DeploymentRecord]] = defaultdict(dict)
    for record in records:
        groups[record.kin][record.seed] = record
    made = [Section(tuple(seeds[seed] for seed in sorted(seeds))) for seeds in groups.values()]
    made.sort(key=lambda one: (not one.ranked, one.title, one.records[0].kin))
    titles = Counter(one.title for one in made)
    return [replace(one, apart=titles[one.title] > 1) for one in made]


def section_data(board: str, section: Section) -> dict[str, Any]:
    """One section as JSON values for figures; means as `[mean, half-width]`, distributions of the first seed."""
    first = section.records[0]
    outcomes = {one.policy: one for one in first.outcomes}
    return {
        "name": f"{board}: {section.title}",
        "ranked": section.ranked,
        "seeds": len(section.records),
        "seconds": short(first.circumstances.seconds),
        "policies": [
            {
                "policy": line.policy,
                "bound": line.bound,
                "mean": pair(line.numbers.get("mean")),
                "accuracy": pair(line.numbers["accuracy"]),
                "joules": None
                if "compute" not in line.numbers or "radio" not in line.numbers
                else short(line.numbers["compute"].value + line.numbers["radio"].value),
                "quantiles": [None if one is None else short(one) for one in outcomes[line.policy].quantiles],
                "timeline": [None if one is None else short(one) for one in outcomes[line.policy].timeline],
            }
            for line in section.lines
        ],
    }
