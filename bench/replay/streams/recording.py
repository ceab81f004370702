"""A stream record from a sweep over runs' traces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import SeesawError
from bench.kinds.bases.online import Online
from bench.kinds.policy import Reference
from bench.machine import commit, versions
from bench.records.checks.run import faults
from bench.records.checks.stream import counts_of, identity
from bench.records.record import Record, Setup, load, path_of, task_of
from bench.records.sealed import slug
from bench.records.stream import Entrant, Part, Result, StreamRecord
from bench.replay.streams.entrants import Entrants
from bench.replay.streams.tally import Row, Tally, Terms
from bench.replay.trace import Trace
from bench.runs.trained import PACKED

if TYPE_CHECKING:
    from bench.replay.streams.sweep import Sweep


def parts_of(traces: Sequence[Path], records: Path) -> tuple[int, list[Part]]:
    """The seed and the parts of a stream of runs' test splits, one after the other.

    Args:
        traces: the runs' folders, or the test traces in them.
        records: folder of the runs' records.

    Raises:
        SeesawError: a run without a sound record, a trace that its record did not measure, or runs of several networks.
    """
    runs = [run_of(path, records) for path in traces]
    parts = [_part(path, run, records) for path, run in zip(traces, runs, strict=True)]
    if len({run.seed for run in runs}) > 1 or len({identity(part) for part in parts}) > 1:
        raise SeesawError(
            f"{' and '.join(map(str, traces))} are not of one network and one seed: a stream record is of parts that follow "
            "each other. Replay other networks and seeds by themselves, a command each."
        )
    return runs[0].seed, parts


def of_run(path: Path) -> bool:
    """Whether a trace may be a run's: its folder, or the test trace in it."""
    return path.is_dir() or path.name == "test.safetensors"


def run_of(path: Path, records: Path) -> Record:
    """The record of the run that made a trace.

    Raises:
        SeesawError: there is none, or no sound one.
    """
    if not of_run(path):
        raise SeesawError(
            f"{path} is no run's folder, nor the test trace in one. Name runs' folders, runs/TASK/MODEL/seed0; or do without "
            "--record."
        )
    folder = path if path.is_dir() else path.parent
    place = records.joinpath(*folder.resolve().parts[-3:])
    place = place.with_name(f"{place.name}.json")
    if not place.is_file():
        raise SeesawError(
            f"{path} is no test trace of a run with a record: there is no {place}. Name runs' folders, "
            "runs/TASK/MODEL/seed0, and with --records where their records lie; or do without --record and readings as costs."
        )
    run = load(place)
    if wrong := faults(run, place, records):
        raise SeesawError(
            f"{place} is not to be believed: {wrong[0]} Run the network again before its stream."
        )
    return run


def _part(path: Path, run: Record, records: Path) -> Part:
    trace = Trace.load(path / "test.safetensors" if path.is_dir() else path)
    costs = [exit_.readings.get("macs.effective") for exit_ in run.exits]
    part = Part(
        digest=run.digest, setup=run.setup, trained=_origin(run, records), costs=trace.costs.tolist(),
        right=trace.correct().sum(1).tolist(), samples=len(trace.labels),
    )  # fmt: skip
    told = [one.value for one in costs if one is not None]
    if counts_of(run) != (part.samples, part.right) or (told and told != part.costs):
        raise SeesawError(
            f"{path} is not the trace that {path_of(records, run.setup, run.digest, run.seed)} measured: its exits differ. "
            "Run the network again (--again)."
        )
    return part


def _origin(run: Record, records: Path) -> str | None:
    """What trained the weights that a run began from: the training of the record that tells their fingerprint."""
    setup = run.setup
    if setup.weights is None:
        return setup.trained()
    model = f"{slug(setup.backbone.name)}_{slug(setup.method.name)}"
    for path in sorted((records / task_of(setup)).glob(f"{model}-*/seed*.json")):
        try:
            other = load(path)
        except SeesawError:
            continue  # another's broken record says nothing about this one
        told = other.notes.get(PACKED)
        if isinstance(told, str) and told and setup.weights.startswith(told) and _began(other.setup):
            return other.setup.trained()
    return None


def _began(setup: Setup) -> bool:
    """Whether a training began from weights of its own."""
    return setup.weights is None


def record_of(
    seed: int, parts: list[Part], arms: str, costs: str | list[float], named: Entrants, sweep: Sweep,
    rows: Sequence[Row], sending: str | None = None,
) -> StreamRecord:  # fmt: skip
    """Write down what a sweep over some parts came to.

    Args:
        seed: of the network.
        parts: of the stream.
        arms: `exits` or `cuts`.
        costs: what depth is counted in, as asked: `layers`, `measured`, a reading's name, or numbers.
        named: who played.
        sweep: what was played.
        rows: what it came to.
        sending: the reading's name where sending costs were asked for by one.
    """
    head, dirty = commit()
    found = StreamRecord.model_validate({
        "digest": "0" * 12, "seed": seed, "parts": parts, "arms": arms, "costs": costs,
        "depths": sweep.arms.depths.tolist(), "sends": sweep.arms.sends.tolist(), "sending": sending, "shuffles": sweep.shuffles,
        "order_seed": sweep.seed, "entrants": _entrants(named), "results": [_result(sweep, row) for row in rows],
        "versions": versions(), "commit": head, "dirty": dirty,
    })  # fmt: skip
    return found.model_copy(update={"digest": found.asked()})


def _entrants(named: Entrants) -> list[Entrant]:
    usual = Online()
    players = {name: one for (name, _), one in named.online.items()} | named.guests
    return [
        Entrant(
            name=named.chosen[name].name,
            origin=named.chosen[name].origin,
            settings={
                key: value
                for key, value in one.model_dump(mode="json").items()
                if not (isinstance(one, Online) and key in Terms._fields)
            },
            spec=name,
            bound=isinstance(one, Reference),
            side=not isinstance(one, Reference) and one.side,
            head=one.head if isinstance(one, Online) else usual.head,
        )
        for name, one in players.items()
    ]


def _result(sweep: Sweep, row: Row) -> Result:
    n = len(sweep.stream)

    def counts(what: str) -> list[int]:
        return [round(getattr(tally, what) * n) for tally in row.tallies]

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
    """Nine digits: short, and no machine's rounding."""
    return float(f"{value:.9g}")
