"""Families: one method on one network at all its densities, and the table that compares all of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from bench.boards.cells import Table, percent, plain
from bench.boards.numbers import density, overhead, reading, work_seconds
from bench.boards.rows import RANKED_FROM, Row
from bench.errors import SeesawError, counted
from bench.plugins.spec import Spec, parse
from bench.records.mean import Mean
from bench.records.setup import DENSE


@dataclass(frozen=True)
class Family:
    """One method on one network, from its largest density down.

    Attributes:
        network: backbone and exits plan, with the epochs and what else sets a row apart.
        method: its spec without the density.
        rows: one for each density.
    """

    network: str
    method: str
    rows: tuple[Row, ...]


KINDS = {
    "dense": "dense network",
    "smaller": "smaller dense layers",
    "predefined": "predefined pattern",
    "learned": "weights left out in or after training",
}
"""Kinds of methods, by what the records of their networks show, each in words."""


def kind_of(row: Row) -> str:
    """The kind of a row's method, a key of `KINDS`: a pattern has a name, and layers that became smaller have no gap."""
    if row.setup.method.name == DENSE:
        return "dense"
    if any(record.has_patterns for record in row.records):
        return "predefined"
    return "learned" if any(record.has_gaps for record in row.records) else "smaller"


def families(board: Iterable[Row]) -> list[Family]:
    """Every method of a board that has densities, in the board's order."""
    rows_of: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row in board:
        if row.setup.method.name != DENSE and row.records and density_of(row):
            key = network_of(row), row.asked.parent, without_density(row.setup.method.label)
            rows_of[key].append(row)
    return [
        Family(network, method, tuple(sorted(rows, key=density_of, reverse=True)))
        for (network, _, method), rows in rows_of.items()
    ]


def network_of(row: Row) -> str:
    """Backbone and exits plan, with the epochs and what else sets the row apart."""
    return f"{row.setup.backbone.label}, {row.plan}"


def density_of(row: Row) -> float:
    """The density that its method was set to; 0 where it has no such setting."""
    return float(row.setup.method.settings.get("density") or 0)


def without_density(spec: str) -> str:
    """A method's spec without its density; unchanged where it is no spec, as in a stranger's record."""
    try:
        parts = parse(spec)
    except SeesawError:
        return spec
    return str(Spec(parts.name, {key: word for key, word in parts.settings.items() if key != "density"}))


def side_by_side(board: list[Row]) -> Table | None:
    """Accuracy by method and density, the best first; None where no network has several densities."""
    by_network: dict[str, list[Family]] = defaultdict(list)
    for family in sorted(families(board), key=lambda one: one.network):
        by_network[family.network].append(family)
    several = {name: own for name, own in by_network.items() if any(len(one.rows) > 1 for one in own)}
    densities = sorted(
        {density_of(row) for own in several.values() for family in own for row in family.rows}, reverse=True
    )
    if not densities:
        return None
    cells: list[list[str]] = []
    for network, own in several.items():
        cells += [[network, *line, *[""] * len(densities)] for line in _without_densities(board, network)]
        cells += [[network, *_by_density(family, densities)] for family in _best_first(own)]
    return Table(
        "Accuracy by method and density",
        "Top-1 of the last exit, by the share of weights that stay; the best first at the density that most methods "
        f"have. Training time: over the dense network's. {' '.join(map(_summary, several.items()))}",
        (
            "network",
            "method",
            "seeds",
            "training time",
            "none asked for",
            *(f"{share:.4g}" for share in densities),
        ),
        cells,
        names=2,
    )


def _without_densities(board: Iterable[Row], network: str) -> list[list[str]]:
    """The cells of a network's rows without a density, the dense one first."""
    rows = [row for row in board if row.records and not density_of(row) and network_of(row) == network]
    cells = []
    for row in sorted(rows, key=lambda row: row.setup.method.name != DENSE):
        exist = "" if row.setup.method.name == DENSE else f" at {plain(row.mean(density))}"
        cells.append([row.setup.method.label, _seeds([row]), _longer([row]), _accuracy(row) + exist])
    return cells


def _by_density(family: Family, densities: Iterable[float]) -> list[str]:
    """The cells of a method."""
    at = {density_of(row): _accuracy(row) for row in family.rows}
    accuracies = (at.get(density, "") for density in densities)
    return [family.method, _seeds(family.rows), _longer(family.rows), "", *accuracies]


def _best_first(own: list[Family]) -> list[Family]:
    """Families sorted by accuracy at the density that most methods have; of several such the smallest one."""
    common = Counter(density_of(row) for family in own for row in family.rows)
    most = max(common, key=lambda share: (common[share], -share))
    return sorted(own, key=lambda family: (-_accuracy_at(family, most), family.method))


def _summary(network_and_families: tuple[str, list[Family]]) -> str:
    """How many methods, densities, seeds and records were compared on a network, in how many hours."""
    network, own = network_and_families
    rows = [row for family in own for row in family.rows]
    seconds = sum(work_seconds(record) for row in rows for record in row.records)
    densities = counted(len({density_of(row) for row in rows}), "density", "densities")
    return (
        f"{network}: {counted(len(own), 'method')}, {densities}, {_seeds(rows)} seeds, "
        f"{counted(sum(len(row.records) for row in rows), 'record')}, {seconds / 3600:.1f} hours of work."
    )


def _accuracy(row: Row) -> str:
    mean = row.mean(reading(-1, "top1"))
    if mean is None:
        return ""
    return percent(mean) + (f" (n={mean.n})" if mean.n < RANKED_FROM else "")


def _accuracy_at(family: Family, density: float) -> float:
    means = (row.mean(reading(-1, "top1")) for row in family.rows if density_of(row) == density)
    return next((mean.value for mean in means if mean is not None), 0.0)


def _seeds(rows: Iterable[Row]) -> str:
    numbers = {row.seeds for row in rows}
    return f"{min(numbers)}" if len(numbers) == 1 else f"{min(numbers)} to {max(numbers)}"


def _longer(rows: Iterable[Row]) -> str:
    mean = Mean.of(ratio for row in rows for record in row.records if (ratio := overhead(record)) is not None)
    return f"{mean.value:.2f} x" if mean else ""
