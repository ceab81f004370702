"""Families: one method on one network at all its densities, and the table that sets all of them side by side."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from bench.boards.cells import Table, percent, plain
from bench.boards.numbers import density, overhead, reading, work_seconds
from bench.boards.rows import RANKED_FROM, Row
from bench.errors import SeesawError, counted
from bench.plugins.spec import parse
from bench.records.mean import Mean
from bench.records.setup import DENSE, parent_of


@dataclass(frozen=True)
class Family:
    """One method on one network, from its largest density down.

    Attributes:
        network: backbone, exits plan and epochs.
        method: its spec without the density.
        rows: one a density.
    """

    network: str
    method: str
    rows: tuple[Row, ...]


def families(board: Iterable[Row]) -> list[Family]:
    """Every method of a board that has densities, in the board's order."""
    found: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row in board:
        if row.setup.method.name != DENSE and row.records and density_of(row):
            key = network_of(row), parent_of(row.setup), without_density(row.setup.method.spec)
            found[key].append(row)
    return [
        Family(network, method, tuple(sorted(rows, key=density_of, reverse=True)))
        for (network, _, method), rows in found.items()
    ]


def network_of(row: Row) -> str:
    """Backbone, exits plan and epochs."""
    return f"{row.setup.backbone.spec}, {row.plan}"


def density_of(row: Row) -> float:
    """What its method was asked for; 0 where it has no density."""
    return float(row.setup.method.settings.get("density") or 0)


def without_density(spec: str) -> str:
    """A method's spec, whatever its density; as it is where it is none, as a stranger's record may say anything."""
    try:
        told = parse(spec)
    except SeesawError:
        return spec
    left = [f"{key}={value}" for key, value in told.settings.items() if key != "density"]
    return f"{told.name}[{','.join(left)}]" if left else told.name


def side_by_side(board: list[Row]) -> Table | None:
    """Accuracy by method and density, the best first; None where no network has several densities."""
    by_network: dict[str, list[Family]] = defaultdict(list)
    for one in sorted(families(board), key=lambda one: one.network):
        by_network[one.network].append(one)
    several = {name: found for name, found in by_network.items() if any(len(one.rows) > 1 for one in found)}
    asked = sorted(
        {density_of(row) for found in several.values() for one in found for row in one.rows}, reverse=True
    )
    if not asked:
        return None
    cells: list[list[str]] = []
    for network, found in several.items():
        cells += [[network, *told, *[""] * len(asked)] for told in _without_densities(board, network)]
        cells += [[network, *_by_density(one, asked)] for one in _best_first(found)]
    return Table(
        "Accuracy by method and density",
        "Top-1 of the last exit, by the share of weights that stay; the best first at the density that most methods "
        f"have. Training time: over the dense network's. {' '.join(map(_told, several.items()))}",
        (
            "network",
            "method",
            "seeds",
            "training time",
            "none asked for",
            *(f"{share:.4g}" for share in asked),
        ),
        cells,
        names=2,
    )


def _without_densities(board: Iterable[Row], network: str) -> list[list[str]]:
    """What the table says of a network's rows that nobody asked a density of, the dense one first."""
    found = [row for row in board if row.records and not density_of(row) and network_of(row) == network]
    cells = []
    for row in sorted(found, key=lambda row: row.setup.method.name != DENSE):
        exist = "" if row.setup.method.name == DENSE else f" at {plain(row.mean(density))}"
        cells.append([row.setup.method.spec, _seeds([row]), _longer([row]), _accuracy(row) + exist])
    return cells


def _by_density(one: Family, asked: Iterable[float]) -> list[str]:
    """What it says of a method."""
    at = {density_of(row): _accuracy(row) for row in one.rows}
    return [one.method, _seeds(one.rows), _longer(one.rows), "", *(at.get(share, "") for share in asked)]


def _best_first(found: list[Family]) -> list[Family]:
    """By accuracy at the density that most methods have."""
    common = Counter(density_of(row) for one in found for row in one.rows)
    most = max(common, key=lambda share: (common[share], -share))
    return sorted(found, key=lambda one: (-_accuracy_at(one, most), one.method))


def _told(one: tuple[str, list[Family]]) -> str:
    """What was compared on a network, and what it took."""
    network, found = one
    rows = [row for family in found for row in family.rows]
    seconds = sum(work_seconds(record) for row in rows for record in row.records)
    densities = counted(len({density_of(row) for row in rows}), "density", "densities")
    return (
        f"{network}: {counted(len(found), 'method')}, {densities}, {_seeds(rows)} seeds, "
        f"{counted(sum(len(row.records) for row in rows), 'record')}, {seconds / 3600:.1f} hours of work."
    )


def _accuracy(row: Row) -> str:
    mean = row.mean(reading(-1, "top1"))
    if mean is None:
        return ""
    return percent(mean) + (f" (n={mean.n})" if mean.n < RANKED_FROM else "")


def _accuracy_at(family: Family, density: float) -> float:
    found = (row.mean(reading(-1, "top1")) for row in family.rows if density_of(row) == density)
    return next((mean.value for mean in found if mean is not None), 0.0)


def _seeds(rows: Iterable[Row]) -> str:
    numbers = {row.seeds for row in rows}
    return f"{min(numbers)}" if len(numbers) == 1 else f"{min(numbers)} to {max(numbers)}"


def _longer(rows: Iterable[Row]) -> str:
    mean = Mean.of(ratio for row in rows for record in row.records if (ratio := overhead(record)) is not None)
    return f"{mean.value:.2f} x" if mean else ""
