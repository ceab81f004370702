"""A deployment record in the terminal, in the form of its board."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator

from rich.box import SIMPLE_HEAD
from rich.table import Table

from bench.boards.deployments.page import HEADS, WORDS, rows
from bench.boards.deployments.read import sections
from bench.boards.deployments.section import Section
from bench.boards.units import seconds
from bench.records.deployment import DeploymentRecord
from bench.records.store import Store

ENERGY = ("bytes", "compute", "radio")
"""The columns of a table of their own where there are joules: a terminal is too narrow for all."""
Shown = Iterator[tuple[Table | str, str | None]]


def shown(deployment: DeploymentRecord, store: Store) -> Shown:
    """Its network and circumstances, and a line for each policy; no table where its numbers contradict each other."""
    for section in [] if deployment.faults() else sections([deployment]):
        yield section.title, "bold"
        energy = any("compute" in line.numbers or "radio" in line.numbers for line in section.lines)
        yield _table(section, set(ENERGY if energy else ())), None
        if energy:
            yield _table(section, set(HEADS) - {*WORDS, *ENERGY}), None
        yield section.about, None


def cuts(deployment: DeploymentRecord, store: Store) -> Shown:
    """How many requests each policy sends from where, and which exits answer on the device."""
    for section in sections([deployment]):
        table = _empty("shares of requests", "policy", "where", "share")
        for line in section.lines:
            for number, (name, share) in enumerate(line.shares.items()):
                table.add_row("" if number else line.policy, name, f"{share:.2%}")
        yield table, None


def policies(deployment: DeploymentRecord, store: Store) -> Shown:
    """The mean time of each step of a request, by policy."""
    for section in sections([deployment]):
        names = next(iter(section.lines)).steps
        table = _empty(
            "mean time of each step of a request", "policy", *(name.replace(" ", "\n") for name in names)
        )
        for line in section.lines:
            table.add_row(line.policy, *(seconds(one) if one else "" for one in line.steps.values()))
        yield table, None


PARTS: dict[str, Callable[[DeploymentRecord, Store], Shown]] = {"cuts": cuts, "policies": policies}


def _empty(title: str, *heads: str) -> Table:
    table = Table(
        box=SIMPLE_HEAD,
        title=title,
        title_justify="left",
        title_style="bold",
        collapse_padding=True,
        pad_edge=False,
    )
    for number, head in enumerate(heads):
        table.add_column(
            head, justify="left" if number == 0 or head == "where" else "right", no_wrap=number > 0
        )
    return table


def _table(section: Section, without: Container[str]) -> Table:
    """A section's rows, without some columns and without empty ones; one seed has no rank."""
    cells = rows(section)
    columns = [
        place
        for place, head in enumerate(HEADS)
        if head != "rank" and head not in without and any(row[place].text for row in cells)
    ]
    table = Table(box=SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    longest = max(len(row[HEADS.index("policy")].text) for row in cells)
    for place in columns:
        if HEADS[place] in WORDS:
            table.add_column(HEADS[place], overflow="fold", min_width=min(longest, 24))
        else:
            table.add_column(HEADS[place], justify="right", no_wrap=True)
    for row in cells:
        table.add_row(*(row[place].text for place in columns))
    return table
