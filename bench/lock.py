"""Locks between processes. They end with the process that holds them, however it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from bench.errors import SeesawError


@contextmanager
def alone(path: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold a lock file; where another process holds it, call `waiting` once and wait.

    Raises:
        SeesawError: the file cannot be made.
    """
    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            waiting()
            lock.acquire()
    except OSError as error:
        raise SeesawError(
            f"{path} cannot be locked ({error.strerror}). Free or unlock that folder, or name another."
        ) from error
    try:
        yield
    finally:
        lock.release()


class Quiet:
    """Lets one run take its timings while the others that share a folder hold still.

    Args:
        path: the lock file that they share.
        settle: seconds that the others are given to come to rest; 0 for a run without others.
    """

    def __init__(self, path: Path, settle: float = 0.0) -> None:
        self.lock, self.settle = FileLock(path), settle

    @contextmanager
    def hold(self, sleep: Callable[[float], None]) -> Iterator[None]:
        """Within it the others hold still, after `settle` seconds in which they come to rest."""
        with self.lock:
            sleep(self.settle)
            yield

    def wait(self) -> None:
        """Wait while another run takes its timings; a run that takes its own does not wait."""
        if not self.lock.is_locked:
            with self.lock:
                pass
