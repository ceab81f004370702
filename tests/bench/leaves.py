"""Every leaf of a written file changed, one at a time, and sealed anew as a forger would."""

import json
from typing import Any

from bench.records.sealed import checksum

SCALED = ("value", "low", "high", "processor")
"""The numbers of a reading that have its unit."""
SEAL = ("digest", "checksum")
"""Computed anew when a file is sealed."""


def passing(file, *parts, step=1.0, store=None):
    """The places of leaves that can be changed although the file is checked: `exits.*.readings.ece.value`.

    Args:
        file: a sound one.
        parts: the fields to change; all others but these where the first is `but`.
        step: a small one of a share, such as one sample.
        store: where other files, too, may contradict it.
    """
    values = json.loads(file.model_dump_json())
    chosen = [key for key in values if (key in parts) != (parts[0] == "but") and key not in SEAL]
    found = set()
    for place, value in leaves({key: values[key] for key in chosen}):
        pattern = ".".join("*" if isinstance(key, int) else key for key in place)
        if pattern not in found and any(
            _passes(file, values, place, new, store) for new in changes(value, step)
        ):
            found.add(pattern)
    return found


def passing_groups(file, groups, factors=(0.001, 0.1, 10.0), store=None):
    """The groups of readings that can be scaled as a whole, with the factors, although the file is checked.

    Args:
        file: a sound one.
        groups: by a name, whether the reading at a place belongs to the group.
        factors: of its value, quartiles and processor's time.
        store: where other files, too, may contradict it.
    """
    values = json.loads(file.model_dump_json())
    found = set()
    for name, belongs in groups.items():
        places = [place for place, _ in leaves(values) if place[-1] in SCALED and belongs(place[:-1])]
        assert places, f"no reading belongs to {name}"
        for factor in factors:
            forged = values
            for place in places:
                old = _at(values, place)
                forged = forged if old is None else _replaced(forged, place, old * factor)
            if _is_sound(file, forged, store):
                found.add((name, factor))
    return found


def leaves(value, place=()):
    """Places and values of all that holds nothing else; an empty list or object is a leaf, too."""
    if isinstance(value, (dict, list)) and value:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            yield from leaves(inner, (*place, key))
    else:
        yield place, value


def changes(value, step):
    """Other values: small and large steps of a number, other letters; of several kinds where it is left open."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, max(value - 1, 0), 2 * value + 3]
    if isinstance(value, float):
        return [value - step, value + step, value * 0.9, value * 1.1, value + 1]
    if isinstance(value, str):
        other = [value[:-1] + ("1" if value[-1] != "1" else "2")] if value else []
        return [f"{value}x", f"x{value}", *other]
    if value is None:
        return [1, 0.5, "x", "x@1", True, "0" * 40]
    return [[1], ["x"], {"x": 1}, {"x": "y"}]


def _passes(file, values, place, other, store):
    """Whether a change is a file's whole content still, and sealed anew it has no fault."""
    forged = _replaced(values, place, other)
    return forged != values and _is_sound(file, forged, store)


def _is_sound(file, forged, store):
    """Whether a file's content, sealed anew, has no fault."""
    forged = dict(forged)
    try:
        read = type(file).model_validate(forged)
        if next(read.contradictions(), None) is not None:
            return False
        forged["digest"] = read.request_digest()
        forged["checksum"] = checksum(forged)
        read = type(file).model_validate(forged)
        return not (read.faults() if store is None else store.faults(read))
    except (ArithmeticError, LookupError, TypeError, ValueError):  # `faults` makes a sentence of these
        return False


def _at(value, place) -> Any:
    for key in place:
        value = value[key]
    return value


def _replaced(value, place, other) -> Any:
    if not place:
        return other
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[place[0]] = _replaced(value[place[0]], place[1:], other)
    return copy
