"""Online policies: the boards of stream records, a section for each network and each definition of reward."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from bench.boards.data import pair
from bench.boards.sectioned import SectionedBoard, read_sectioned
from bench.boards.streams.section import BASELINES, Section
from bench.records.store import Store
from bench.records.stream import StreamRecord

StreamBoard = SectionedBoard[Section]


def read_stream_boards(store: Store) -> tuple[dict[str, StreamBoard], list[str]]:
    """The boards of a store's stream records, by name, and a sentence for each file that is none."""
    return read_sectioned(store, StreamRecord, sections)


def sections(streams: Iterable[StreamRecord]) -> list[Section]:
    """Sound stream records grouped by network and question, one for each seed, and by terms of reward."""
    groups: dict[str, dict[int, StreamRecord]] = defaultdict(dict)
    for stream in streams:
        groups[stream.kin][stream.seed] = stream
    all_sections = []
    for seeds in groups.values():
        records = tuple(seeds[seed] for seed in sorted(seeds))
        terms = sorted({(one.alpha, one.layer, one.mu) for one in records[0].results})
        all_sections += [Section(records, *those) for those in terms]
    all_sections.sort(key=lambda one: (not one.ranked, one.title, one.records[0].kin, one.layer, one.mu))
    titles = Counter(one.title for one in all_sections)
    return [_set_apart(one, all_sections) if titles[one.title] > 1 else one for one in all_sections]


def _set_apart(section: Section, others: Iterable[Section]) -> Section:
    """A section whose title others have, with the settings in its title that set it apart from them."""
    rivals = [one for one in others if one is not section and one.title == section.title]
    apart: list[str] = []
    for key, words in section.settings.items():
        if any(one.settings[key] != words for one in rivals):
            apart.append(key)
            rivals = [one for one in rivals if one.settings[key] == words]
    return replace(section, apart=tuple(apart))


def section_data(board: str, section: Section) -> dict[str, Any]:
    """One section as JSON values for figures, at every cost of sending; means as `[mean, half-width]`."""
    lines = section.every
    played = {line.policy for line in lines}
    names = [*BASELINES, *(one.spec for one in section.records[0].entrants if one.spec in played)]
    return {
        "name": f"{board}: {section.title}",
        "ranked": section.ranked,
        "seeds": len(section.records),
        "policies": [
            {
                "policy": name,
                "kind": next(line.kind for line in lines if line.policy == name),
                "points": [
                    [line.offload, *(pair(line.numbers[key]) for key in ("cost", "accuracy"))]
                    for line in lines
                    if line.policy == name
                ],
            }
            for name in names
        ],
    }
