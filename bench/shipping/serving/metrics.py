"""Metrics of a server, as text that Prometheus reads."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from wsgiref.simple_server import WSGIServer

from bench.errors import SeesawError, needing

with needing("serve", "Serving over a network needs"):
    from prometheus_client import CollectorRegistry, Histogram, Metric, start_http_server
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
MOST_UNCOUNTED = 1024
"""Batches that wait to be counted, at most."""
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """Questions, bytes, batches, waits and times; every server has its own.

    Attributes:
        registry: that holds them.
        questions: by outcome, so far.
        bytes: of messages that came, and of answers that went, so far.
        waiting: questions that wait now.
        batch: sizes of batches.
        waited: seconds that the first of a batch waited.
        computed: seconds that a batch took.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._batches = deque[tuple[int, float, float]]()
        """those that are not counted yet: counting one takes as long as a small part"""
        self.registry.register(self)  # before all others, so that they are whole when they are read
        self.questions = dict.fromkeys(("answered", "overloaded", "late", "refused", "failed"), 0)
        self.bytes = {"in": 0, "out": 0}
        self.waiting = 0
        self.batch = Histogram(
            "seesaw_batch_size", "Samples of a batch", buckets=SIZES, registry=self.registry
        )
        self.waited = Histogram(
            "seesaw_waited_seconds",
            "Wait of a batch's first question",
            buckets=SECONDS,
            registry=self.registry,
        )
        self.computed = Histogram(
            "seesaw_computed_seconds", "Time of a batch", buckets=SECONDS, registry=self.registry
        )

    def took(self, size: int, waited: float, computed: float) -> None:
        """Count a batch, once somebody looks or many are there."""
        self._batches.append((size, waited, computed))
        if len(self._batches) >= MOST_UNCOUNTED:
            self.collect()

    def collect(self) -> Iterable[Metric]:
        """The plain numbers, as a collector of the registry; the batches are counted before those are read."""
        with suppress(IndexError):  # none is left, whoever counts beside
            while True:
                size, waited, computed = self._batches.popleft()
                self.batch.observe(size)
                self.waited.observe(waited)
                self.computed.observe(computed)
        questions = CounterMetricFamily(
            "seesaw_questions", "Questions, by how they ended", labels=["outcome"]
        )
        size = CounterMetricFamily("seesaw_bytes", "Bytes of questions and answers", labels=["way"])
        for family, numbers in ((questions, self.questions), (size, self.bytes)):
            for name, number in numbers.items():
                family.add_metric([name], number)
        return questions, size, GaugeMetricFamily("seesaw_waiting", "Questions that wait now", self.waiting)

    def describe(self) -> Iterable[Metric]:
        """No names."""
        return ()

    def listen(self, host: str, port: int) -> WSGIServer:
        """Answer at an address from now on; the program ends without it.

        Raises:
            SeesawError: the address is taken, or is none of this machine.
        """
        try:
            return start_http_server(port, addr=host, registry=self.registry)[0]
        except OSError as error:
            raise SeesawError(
                f"Metrics cannot be given at {host}:{port} ({error.strerror}). Choose another --metrics."
            ) from error
