"""Stream record: results of policies on the samples of runs, pass by pass; its settings give its path."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from bench.plugins.plugin import Count, Positive, Share, Whole
from bench.records.checks.against_runs import disputes
from bench.records.checks.stream import contradictions
from bench.records.compare import SAME, Compared
from bench.records.sealed import MAX_SEED, Block, Digest, Sealed, digest, slug
from bench.records.setup import Named, Setup, task_of
from bench.records.terms import HEAD, Arms, Prices, Terms

if TYPE_CHECKING:
    from bench.records.store import Store

SCHEMA = 1
Cost = Annotated[float, Field(ge=0)]
ReadingName = Annotated[str, Field(pattern=r"^[a-z]\S{0,199}$")]
"""The name of a reading: latency, energy.MODEL, payload.CODEC."""


class StreamPart(Block):
    """The samples of one run's test split: the stream, or one of several parts that follow each other."""

    digest: Digest
    """of the run's settings, as its record has it"""
    setup: Setup
    trained: Digest | None
    """training digest of the weights that it began from, where a record has it; weights differ by seed"""
    costs: list[Cost]
    """MACs to leave at each exit"""
    right: list[Whole]
    """how many samples each exit is right about"""
    samples: Count

    @property
    def identity(self) -> tuple[object, ...]:
        """The values that parts of one network share, with the training of its own weights or of those given."""
        setup = self.setup
        training = setup.training_digest() if setup.weights is None else self.trained or setup.weights
        return task_of(setup), setup.model, setup.exits.spec, setup.cut, setup.values, training

    @property
    def kin(self) -> list[str | None]:
        """Training digest and type of values, which runs of the same network share, whatever their seeds."""
        weights = self.setup.weights and (self.trained or self.setup.weights)
        return [self.setup.model_copy(update={"weights": weights}).training_digest(), self.setup.values]


class OfRun(Sealed):
    """A file on a run's trained network: its setup, its board and its name are those of the run."""

    @property
    def first_part(self) -> StreamPart:
        """The run with its test split; the first one where several follow each other."""
        raise NotImplementedError(f"{type(self).__name__} must define first_part")

    @property
    def setup(self) -> Setup:
        """The setup of the run."""
        return self.first_part.setup

    @property
    def board(self) -> str:
        return task_of(self.setup)

    @property
    def name(self) -> str:
        return f"{self.setup.model}, seed {self.seed}"


class Entrant(Named):
    """A policy. Its settings and spec leave out the terms (alpha, layer, offload, mu): results hold them."""

    bound: bool
    """whether it sees labels or the whole stream, and so is never ranked"""
    side: bool
    """whether it evaluates, and pays for, every exit on the way"""
    head: Share
    """share of a layer's cost that is its exit's, as it is booked"""


class Result(Block):
    """The results of one policy, or of one baseline, under one set of terms."""

    policy: str
    """spec of an entrant; or `(a) all layers`, `(b) early exit`"""
    alpha: Share
    layer: Positive
    offload: Cost
    mu: Positive
    plays: list[Whole]
    """how often each arm was played, in all passes"""
    right: list[Whole]
    """how many samples were answered rightly, in each pass"""
    sent: list[Whole]
    """how many were sent on, in each pass"""
    cost: list[Cost]
    """booked, mean of a sample, in each pass"""
    regret: list[float]
    """reward that the best fixed arm would have had more at the end of each pass"""

    @property
    def terms(self) -> Terms:
        """The terms of its reward."""
        return Terms(self.alpha, self.layer, self.offload, self.mu)

    @property
    def name(self) -> str:
        """The policy with its terms."""
        return ", ".join([self.policy, *(f"{key} {value:g}" for key, value in self.terms._asdict().items())])


class StreamRecord(OfRun):
    """Everything about policies on the samples of one trained network that boards are computed from.

    It holds no dates and no timings of its own: the same command with the same code writes the same file.
    """

    title: ClassVar[str] = "stream record"
    remedy: ClassVar[str] = "Replay it again with --record, or remove the file."

    folder: ClassVar[str] = "streams"
    marker: ClassVar[str] = "entrants"
    maker: ClassVar[str] = "bench.replay.streams.rerun"
    shown_by: ClassVar[str] = "bench.boards.streams.show"
    bulky: ClassVar[tuple[str, ...]] = ("results", "parts")

    schema_version: Annotated[int, Field(ge=1, le=SCHEMA)] = SCHEMA
    parts: Annotated[list[StreamPart], Field(min_length=1)]
    arms: Literal["exits", "cuts"]
    costs: Literal["layers", "measured"] | ReadingName | list[Cost]
    """the unit of depth, as requested; a reading's numbers differ from seed to seed, and are in `depths`"""
    depths: list[Cost]
    """cost of the device's part up to each arm; measured costs are scaled: the last is the number of exits"""
    sends: list[Cost]
    """cost of sending at each arm, as a multiple of `offload`"""
    sending: ReadingName | None = None
    """the reading that gave `sends`, where one was requested by its name"""
    shuffles: Whole
    """passes, each in an order of its own; 0 for one pass in the file's order"""
    order_seed: Annotated[int, Field(ge=0, le=MAX_SEED)]
    """of orders and draws"""
    entrants: list[Entrant]
    results: list[Result]
    versions: dict[str, str]
    commit: str | None
    dirty: bool | None

    @property
    def samples(self) -> int:
        """The number of samples in one pass."""
        return sum(part.samples for part in self.parts)

    @property
    def passes(self) -> int:
        """The number of passes."""
        return max(self.shuffles, 1)

    @property
    def first_part(self) -> StreamPart:
        return self.parts[0]

    @property
    def kin(self) -> str:
        """A digest that records of the same network, stream and request share, whatever their seeds."""
        return digest({"parts": [part.kin for part in self.parts], "asked": self.digest})

    @property
    def reading(self) -> str | None:
        """The name of the reading that depth is counted in; None where the unit is no reading."""
        return (
            self.costs if isinstance(self.costs, str) and self.costs not in ("layers", "measured") else None
        )

    def request_digest(self) -> str:
        """The digest of the request, without the order of policies, spellings, and origins (but of drafts).

        A reading's numbers do not count where its name was requested: each seed is measured by itself.
        """
        sending = "sends" if self.sending is None else "sending"
        values = self.model_dump(mode="json", include={"arms", "costs", sending, "shuffles", "order_seed"})
        entrants = [entrant.model_dump(mode="json") for entrant in self.entrants]
        for entrant in entrants:
            if not entrant["origin"].startswith("draft"):
                del entrant["origin"]
        values["entrants"] = sorted(entrants, key=lambda entrant: entrant["spec"])
        values["results"] = sorted([result.policy, *result.terms] for result in self.results)
        return digest(values)

    def path(self, folder: Path) -> Path:
        """`<task>-v<n>/<model>-<digest of the run>/seed<k>-<digest of the request>.json` below a folder."""
        runs = [part.digest for part in self.parts]
        own = runs[0] if len(runs) == 1 else digest({"runs": runs})
        model = f"{slug(self.setup.backbone.name)}_{slug(self.setup.method.name)}-{own}"
        return folder / self.board / model / f"seed{self.seed}-{self.digest}.json"

    def contradictions(self) -> Iterator[str]:
        return contradictions(self)

    def disputes(self, store: Store) -> Iterator[str]:
        return disputes(self, store)

    def settings(self) -> dict[str, Any]:
        left_out = {"schema_version", "checksum", "digest", "results"}
        values = self.model_dump(mode="json", exclude=left_out)
        return values | {"entrants": {one["spec"]: one for one in values["entrants"]}}

    def numbers(self) -> dict[str, float]:
        """Each policy's means over the passes."""
        n = self.samples
        return {
            f"{result.name}: {key}": value
            for result in self.results
            for key, value in {
                "accuracy": statistics.fmean(result.right) / n,
                "cost": statistics.fmean(result.cost),
                "sent on": statistics.fmean(result.sent) / n,
                "regret": statistics.fmean(result.regret),
            }.items()
        }

    def compare(self, again: StreamRecord) -> list[Compared]:
        """Every number of every pass; both must be the same but for rounding, since no clock gave any."""
        own, other = dict(self._every()), dict(again._every())
        return [
            Compared(name, one, two, SAME * max(abs(one or 0), abs(two or 0), 1.0))
            for name in own | other
            for one, two in ((own.get(name), other.get(name)),)
        ]

    def _every(self) -> Iterator[tuple[str, float]]:
        """Every number by a name of its own."""
        lists: dict[str, list[float] | list[int]] = {"depths": self.depths, "costs of sending": self.sends}
        for place, part in enumerate(self.parts):
            lists |= {f"part {place}: MACs": part.costs, f"part {place}: right at each exit": part.right}
        for result in self.results:
            for key in ("plays", "right", "sent", "cost", "regret"):
                lists[f"{result.name}: {key}"] = getattr(result, key)
        for name, numbers in lists.items():
            yield from ((f"{name}, {place}", float(number)) for place, number in enumerate(numbers))

    def prices(self, result: Result) -> Prices:
        """The prices of the arms for a result's policy; a baseline pays for every exit on the way."""
        entrant = next((one for one in self.entrants if one.spec == result.policy), None)
        exits = np.arange(len(self.depths)) - (self.arms == "cuts")
        arms = Arms(exits, np.array(self.depths), np.array(self.sends), self.costs != "layers")
        return result.terms.prices(
            arms, HEAD if entrant is None else entrant.head, side=entrant is None or entrant.side
        )
