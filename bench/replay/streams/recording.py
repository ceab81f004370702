"""A stream record from a sweep over runs' traces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import SeesawError
from bench.kinds.bases.online import Online
from bench.kinds.policy import Reference
from bench.machine import commit, versions
from bench.records.record import Record
from bench.records.run_files import RunFiles
from bench.records.store import Store
from bench.records.stream import Entrant, Result, StreamPart, StreamRecord
from bench.records.terms import HEAD, Terms
from bench.replay.streams.entrants import Entrants
from bench.replay.streams.tally import PolicyRow, Tally
from bench.replay.trace import Trace

if TYPE_CHECKING:
    from bench.replay.streams.sweep import Sweep


def parts_of(traces: Sequence[Path], store: Store) -> tuple[int, list[StreamPart]]:
    """Returns (the network's seed, the parts) of a stream of runs' test splits, one after the other.

    Args:
        traces: the runs' folders, or the test traces in them.
        store: the store of the runs' records.

    Raises:
        SeesawError: a run has no sound record, a trace is not the one that its record measured, or the runs
            are of several networks or seeds.
    """
    runs = [store.run_of(path) for path in traces]
    parts = [_part(path, run, store) for path, run in zip(traces, runs, strict=True)]
    if len({run.seed for run in runs}) > 1 or len({part.identity for part in parts}) > 1:
        raise SeesawError(
            f"{' and '.join(map(str, traces))} are not of one network and one seed: a stream record is of parts that follow "
            "each other. Replay other networks and seeds by themselves, a command each."
        )
    return runs[0].seed, parts


def _part(path: Path, run: Record, store: Store) -> StreamPart:
    trace = Trace.load(RunFiles(path).test if path.is_dir() else path)
    part = StreamPart(
        digest=run.digest, setup=run.setup, trained=store.origin(run), costs=trace.costs.tolist(),
        right=trace.correct.sum(1).tolist(), samples=len(trace.labels),
    )  # fmt: skip
    readings = [exit_.readings.get("macs.effective") for exit_ in run.exits]
    recorded = [one.value for one in readings if one is not None]
    if run.right() != (part.samples, part.right) or (recorded and recorded != part.costs):
        raise SeesawError(
            f"{path} is not the trace that {store.path(run)} measured: its exits differ. "
            "Run the network again (--again)."
        )
    return part


def record_of(
    seed: int, parts: list[StreamPart], arms: str, costs: str | list[float], entrants: Entrants, sweep: Sweep,
    rows: Sequence[PolicyRow], sending: str | None = None,
) -> StreamRecord:  # fmt: skip
    """The record of a sweep over some parts.

    Args:
        seed: of the network.
        parts: of the stream.
        arms: `exits` or `cuts`.
        costs: the unit of depth, as the option gives it: `layers`, `measured`, a reading's name, or numbers.
        entrants: the policies that played.
        sweep: the sweep.
        rows: its results.
        sending: the name of the reading that costs of sending were taken from; None where they were numbers.
    """
    head, dirty = commit()
    record = StreamRecord.model_validate({
        "digest": "0" * 12, "seed": seed, "parts": parts, "arms": arms, "costs": costs,
        "depths": sweep.arms.depths.tolist(), "sends": sweep.arms.sends.tolist(), "sending": sending, "shuffles": sweep.shuffles,
        "order_seed": sweep.seed, "entrants": _entrants(entrants), "results": [_result(sweep, row) for row in rows],
        "versions": versions(), "commit": head, "dirty": dirty,
    })  # fmt: skip
    return record.model_copy(update={"digest": record.request_digest()})


def _entrants(entrants: Entrants) -> list[Entrant]:
    players = {name: one for (name, _), one in entrants.online.items()} | entrants.guests
    return [
        Entrant(
            name=entrants.chosen[name].name,
            origin=entrants.chosen[name].origin,
            settings={
                key: value
                for key, value in one.model_dump(mode="json").items()
                if not (isinstance(one, Online) and key in Terms._fields)
            },
            spec=name,
            bound=isinstance(one, Reference),
            side=not isinstance(one, Reference) and one.side,
            head=one.head if isinstance(one, Online) else HEAD,
        )
        for name, one in players.items()
    ]


def _result(sweep: Sweep, row: PolicyRow) -> Result:
    n = len(sweep.stream)

    def counts(share: str) -> list[int]:
        return [round(getattr(tally, share) * n) for tally in row.tallies]

    return Result(
        policy=row.name,
        **row.terms._asdict(),
        plays=[
            sum(round(tally.plays[arm] * n) for tally in row.tallies) for arm in range(len(sweep.arms.exits))
        ],
        right=counts("accuracy"),
        sent=counts("sent"),
        cost=[_short(tally.cost) for tally in row.tallies],
        regret=[_short(_end(tally)) for tally in row.tallies],
    )


def _end(tally: Tally) -> float:
    return float(tally.regret[-1])


def _short(value: float) -> float:
    """A number with nine digits: short, and without the rounding of one machine."""
    return float(f"{value:.9g}")
