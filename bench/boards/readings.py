"""Readings of an extract: the numbers of many records by name, whose names are kept once for all that have the same ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

NONE: frozenset[int] = frozenset()


class Taken(NamedTuple):
    """A reading's number, and whether it may be ranked."""

    value: float
    is_reliable: bool


class Names:
    """Names of readings, in the order of their numbers, which many lists of readings have in common.

    Args:
        names: each once.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.places = {name: place for place, name in enumerate(names)}
        self._between: dict[tuple[str, str], list[tuple[str, int]]] = {}
        self._under: dict[tuple[str, ...], list[tuple[str, list[int]]]] = {}

    def between(self, start: str, end: str) -> list[tuple[str, int]]:
        """The middle of every name that begins and ends so, and its place."""
        if (start, end) not in self._between:
            self._between[start, end] = [
                (name.removeprefix(start).removesuffix(end), place)
                for name, place in self.places.items()
                if name.startswith(start) and name.endswith(end)
            ]
        return self._between[start, end]

    def under(self, *starts: str) -> list[tuple[str, list[int]]]:
        """Every end of a name that is there behind all of some starts, and the places of these names."""
        if starts not in self._under:
            self._under[starts] = [
                (end, [self.places[start + end] for start in starts])
                for end, _ in self.between(starts[0], "")
                if all(start + end in self.places for start in starts)
            ]
        return self._under[starts]


class Readings(Mapping[str, Taken]):
    """Readings by name.

    Args:
        names: of all of them.
        numbers: their values, in the order of names.
        disturbed: the places of those that are not reliable.
    """

    __slots__ = ("_disturbed", "_names", "_numbers")

    def __init__(self, names: Names, numbers: tuple[float, ...], disturbed: frozenset[int]) -> None:
        self._names, self._numbers, self._disturbed = names, numbers, disturbed

    def __getitem__(self, name: str) -> Taken:
        place = self._names.places[name]
        return Taken(self._numbers[place], place not in self._disturbed)

    def get(self, name: str, default: Any = None) -> Any:
        """A reading; the default where there is none of this name."""
        place = self._names.places.get(name)
        return default if place is None else Taken(self._numbers[place], place not in self._disturbed)

    def ranked(self, name: str) -> float | None:
        """A reading's number; None where there is none of this name, or where it may not be ranked."""
        place = self._names.places.get(name)
        return None if place is None or place in self._disturbed else self._numbers[place]

    @property
    def numbers(self) -> dict[str, float]:
        """All numbers by name, those that may not be ranked included."""
        return dict(zip(self._names.places, self._numbers, strict=True))

    def between(self, start: str, end: str) -> list[tuple[str, float]]:
        """The middle of every name that begins and ends so, and its number."""
        return [(middle, self._numbers[place]) for middle, place in self._names.between(start, end)]

    def under(self, *starts: str) -> list[tuple[str, list[float]]]:
        """Every end of a name that is there behind all of some starts, and the numbers of these names."""
        return [
            (end, [self._numbers[place] for place in places]) for end, places in self._names.under(*starts)
        ]

    def __contains__(self, name: object) -> bool:
        return name in self._names.places

    def __iter__(self) -> Iterator[str]:
        return iter(self._names.places)

    def __len__(self) -> int:
        return len(self._names.places)

    def keys(self) -> Any:
        """The names."""
        return self._names.places.keys()
