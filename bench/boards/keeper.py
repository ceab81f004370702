"""Keeper: what pages show of single rows, kept from one board to the next by a digest of all that it is computed from."""

from __future__ import annotations

import json
from typing import Any

from bench.boards.lines import Lines, digest_of, place_of
from bench.plain import log
from bench.records.store import Store

SPARE = 200
"""So many lines more than twice as many as rows, and only those of use are written anew."""


class Keeper:
    """The kept values of the rows of one folder of records: JSON values, by the key of a row and by name.

    Args:
        store: of the records.
    """

    def __init__(self, store: Store) -> None:
        self._lines = Lines(f"{place_of(store.records)}-rows.jsonl", version())
        self._texts: dict[str, str] | None = None
        self._used: dict[str, tuple[int, dict[str, Any]]] = {}
        self._count, self._is_whole = 0, True

    def of(self, key: str) -> dict[str, Any]:
        """The values of a row, to which more may be added."""
        if self._texts is None:
            self._texts = self._read()
        if key not in self._used:
            values = json.loads(self._texts.pop(key, "{}"))
            self._used[key] = len(values), values
        return self._used[key][1]

    def save(self) -> None:
        """Keep what was added; rows that are no more are forgotten when they are many."""
        if self._texts is None:
            return
        changed = {key: values for key, (count, values) in self._used.items() if len(values) != count}
        if not self._is_whole or self._count + len(changed) > 2 * len(self._used) + SPARE:
            self._lines.begin([_line(key, values) for key, (_, values) in self._used.items()])
        elif changed:
            self._lines.add([_line(key, values) for key, values in changed.items()])
        self._used = {key: (len(values), values) for key, (_, values) in self._used.items()}

    def _read(self) -> dict[str, str]:
        """The JSON texts of rows by key; none where a line is not whole."""
        texts: dict[str, str] = {}
        try:
            for line in self._lines.read():
                self._count += 1
                key, text = line.rstrip("\n").split("\t")
                if not text.endswith("}"):
                    raise ValueError("a line ends too early")
                texts[key] = text
        except (OSError, ValueError) as error:
            log.info("What was kept of rows is not whole (%s), so each is computed anew.", error)
            self._is_whole = False
            return {}
        return texts


def _line(key: str, values: dict[str, Any]) -> str:
    return f"{key}\t{json.dumps(values, separators=(',', ':'), allow_nan=False)}"


def version() -> str:
    """A digest of the code by which a row's values follow from its records."""
    return digest_of(("boards/**/*.py", "records/**/*.py", "plugins/*.py", "*.py"))
