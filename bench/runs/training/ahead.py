"""Ahead: batches that are made while the network trains on the ones before."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
WAIT = 0.1
"""Seconds after which the maker looks whether anybody still wants what it makes."""


def ahead(items: Iterable[T], count: int = 2) -> Iterator[T]:
    """The same items in the same order, of which a thread makes up to `count` before they are asked for.

    An error in making them is raised here, at its place among them. The thread ends with the items, or when nobody asks
    any more.
    """
    made: queue.Queue[tuple[str, T | BaseException | None]] = queue.Queue(count)
    stopped = threading.Event()

    def put(kind: str, value: T | BaseException | None) -> bool:
        while not stopped.is_set():
            try:
                made.put((kind, value), timeout=WAIT)
                return True
            except queue.Full:
                continue
        return False

    def make() -> None:
        try:
            for item in items:
                if not put("item", item):
                    return
            put("end", None)
        except BaseException as error:  # handed to who asks
            put("error", error)

    threading.Thread(target=make, name="ahead", daemon=True).start()
    try:
        while True:
            kind, value = made.get()
            if kind == "end":
                return
            if isinstance(value, BaseException) and kind == "error":
                raise value
            yield value  # type: ignore[misc]
    finally:
        stopped.set()
