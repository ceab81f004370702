"""Stream record: what policies came to on the samples of a run, pass by pass, at a path computed from what was asked."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from bench.plugins.plugin import Count, Positive, Share, Whole
from bench.records.compare import SAME, Compared
from bench.records.sealed import MAX_SEED, Block, Digest, Sealed, digest, slug
from bench.records.setup import Named, Setup, task_of
from bench.records.terms import HEAD, Arms, Prices, Terms

if TYPE_CHECKING:
    from bench.records.store import Store

SCHEMA = 1
Cost = Annotated[float, Field(ge=0)]
ReadingName = Annotated[str, Field(pattern=r"^[a-z]\S{0,199}$")]
"""The name of one: latency, energy.MODEL, payload.CODEC."""


class StreamPart(Block):
    """The samples of one run's test split: the stream, or one part of it after the other."""

    digest: Digest
    """of the run's settings, as its record has it"""
    setup: Setup
    trained: Digest | None
    """what trained the weights that it began from, where a record says so; they differ from seed to seed"""
    costs: list[Cost]
    """MACs to leave at each exit"""
    right: list[Whole]
    """how many samples each exit is right about"""
    samples: Count

    @property
    def kin(self) -> list[str | None]:
        """What runs of the same network have in common, whatever their seeds and whatever was measured of them."""
        weights = self.setup.weights and (self.trained or self.setup.weights)
        return [self.setup.model_copy(update={"weights": weights}).trained(), self.setup.values]


class Entrant(Named):
    """A policy. Its settings and its spec leave out what a reward is (alpha, layer, offload, mu): results say that."""

    bound: bool
    """whether it sees labels or the whole stream, and so is never ranked"""
    side: bool
    """whether it evaluates, and pays for, every exit on the way"""
    head: Share
    """share of a layer's cost that is its exit's, as it is booked"""


class Result(Block):
    """What one policy, or one baseline, came to under one set of terms."""

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
        """What a reward was."""
        return Terms(self.alpha, self.layer, self.offload, self.mu)

    @property
    def name(self) -> str:
        """The policy with its terms."""
        return ", ".join([self.policy, *(f"{key} {value:g}" for key, value in self.terms._asdict().items())])


class StreamRecord(Sealed):
    """Everything about policies on the samples of one trained network that boards are computed from.

    Nothing in it tells the time: the same command with the same code writes the same file.
    """

    title: ClassVar[str] = "stream record"
    remedy: ClassVar[str] = "Replay it again with --record, or remove the file."

    folder: ClassVar[str] = "streams"
    marker: ClassVar[str] = "entrants"
    maker: ClassVar[str] = "bench.replay.streams.rerun"
    shown_by: ClassVar[str] = "bench.boards.streams.show"

    schema_version: Annotated[int, Field(ge=1, le=SCHEMA)] = SCHEMA
    parts: Annotated[list[StreamPart], Field(min_length=1)]
    arms: Literal["exits", "cuts"]
    costs: Literal["layers", "measured"] | ReadingName | list[Cost]
    """what depth is counted in, as asked: a reading's numbers differ from seed to seed, and `depths` has them"""
    depths: list[Cost]
    """what the device computes up to each arm; of measured costs, as many as there are exits for the last"""
    sends: list[Cost]
    """how many times `offload` sending costs at each arm"""
    sending: ReadingName | None = None
    """the reading that `sends` are of, where they were asked for by its name"""
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
        """Of one pass."""
        return sum(part.samples for part in self.parts)

    @property
    def passes(self) -> int:
        """How many there were."""
        return max(self.shuffles, 1)

    @property
    def setup(self) -> Setup:
        """Of the run; of the first one where several follow each other."""
        return self.parts[0].setup

    @property
    def board(self) -> str:
        """The board that it stands on."""
        return task_of(self.setup)

    @property
    def name(self) -> str:
        return f"{self.setup.model}, seed {self.seed}"

    @property
    def kin(self) -> str:
        """A digest that records of the same network, stream and question share, whatever their seeds."""
        return digest({"parts": [part.kin for part in self.parts], "asked": self.digest})

    @property
    def reading(self) -> str | None:
        """The reading that depth is counted in, where it was asked for by its name."""
        return (
            self.costs if isinstance(self.costs, str) and self.costs not in ("layers", "measured") else None
        )

    def asked(self) -> str:
        """A digest of what was asked of the stream; the order of policies, and origins and spellings, do not count.

        Nor does what a reading came to where its name was asked for: seeds are measured each by themselves.
        """
        sending = "sends" if self.sending is None else "sending"
        asked = self.model_dump(mode="json", include={"arms", "costs", sending, "shuffles", "order_seed"})
        entrants = [entrant.model_dump(mode="json") for entrant in self.entrants]
        for entrant in entrants:
            if not entrant["origin"].startswith("draft"):
                del entrant["origin"]
        asked["entrants"] = sorted(entrants, key=lambda entrant: entrant["spec"])
        asked["results"] = sorted([result.policy, *result.terms] for result in self.results)
        return digest(asked)

    def path(self, folder: Path) -> Path:
        """`<task>-v<n>/<model>-<digest of the run>/seed<k>-<digest of the question>.json` below a folder."""
        runs = [part.digest for part in self.parts]
        own = runs[0] if len(runs) == 1 else digest({"runs": runs})
        model = f"{slug(self.setup.backbone.name)}_{slug(self.setup.method.name)}-{own}"
        return folder / self.board / model / f"seed{self.seed}-{self.digest}.json"

    def contradictions(self) -> Iterator[str]:
        from bench.records.checks.stream import contradictions

        return contradictions(self)

    def disputes(self, store: Store) -> Iterator[str]:
        from bench.records.checks.against_runs import disputes

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
        here, there = dict(self._every()), dict(again._every())
        return [
            Compared(name, value, other, SAME * max(abs(value or 0), abs(other or 0), 1.0))
            for name in here | there
            for value, other in ((here.get(name), there.get(name)),)
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
        """What each arm cost a policy, by its entry here; a baseline pays for every exit on the way."""
        entrant = next((one for one in self.entrants if one.spec == result.policy), None)
        exits = np.arange(len(self.depths)) - (self.arms == "cuts")
        arms = Arms(exits, np.array(self.depths), np.array(self.sends), self.costs != "layers")
        return result.terms.prices(
            arms, HEAD if entrant is None else entrant.head, side=entrant is None or entrant.side
        )


def identity(part: StreamPart) -> tuple[object, ...]:
    """What parts of one network share: a run's own weights, or a later one that began from them."""
    setup = part.setup
    one = setup.trained() if setup.weights is None else part.trained or setup.weights
    return task_of(setup), setup.model, setup.exits.spec, setup.cut, setup.values, one
