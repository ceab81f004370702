"""A stream record replayed again, from the traces of its runs."""

from __future__ import annotations

from dataclasses import replace

from bench.errors import SeesawError
from bench.machine import settle
from bench.records import costs
from bench.records.setup import spec_of
from bench.records.store import Store
from bench.records.stream import StreamRecord
from bench.replay.streams import entrants
from bench.replay.streams.recording import parts_of, record_of
from bench.replay.streams.sweep import Sweep


def again(
    record: StreamRecord, store: Store, *, threads: int | None = None, **unused: object
) -> StreamRecord:
    """Replay a sound stream record as it was replayed before.

    Args:
        record: the record.
        store: the store of its runs' records and traces.
        threads: how many streams are played at once; the number of cores where left out.
        unused: arguments that other kinds of files need to be made again.

    Raises:
        SeesawError: a policy is a draft, a run has no record or no trace, or a trace is not the one that its
            record measured.
    """
    traces = [store.run_files(store.run_record(part.setup, record.seed)).test for part in record.parts]
    if missing := next((trace for trace in traces if not trace.is_file()), None):
        raise SeesawError(
            f"A stream is replayed from its network's trace, and there is no {missing}. Run the network again (seesaw run), "
            "or name the folder where it was run: --runs."
        )
    settle(threads)
    players = _entrants(record)
    network, (stream, _) = parts_of(traces, store), entrants.load(traces)
    run = store.run_of(traces[0])
    depths = costs.depths_of(run, record.reading) if record.reading else record.costs
    sends = costs.sends_of(run, record.sending, record.arms) if record.sending else list(record.sends)
    online = [(name, one) for (name, _), one in players.online.items()]
    arms = stream.arms(record.arms, depths, sends)
    sweep = Sweep(stream, arms, online, list(players.guests.items()), record.shuffles, record.order_seed)
    rows = sweep.run(threads)
    return record_of(*network, record.arms, record.costs, players, sweep, rows, record.sending)


def _entrants(record: StreamRecord) -> entrants.Entrants:
    """A record's policies, under every set of terms for which it has their results."""
    players = entrants.entrants([spec_of(one) for one in record.entrants], {})
    online = {}
    for (name, _), one in players.online.items():
        for terms in (result.terms for result in record.results if result.policy == name):
            online[name, terms] = type(one).model_validate(one.model_dump() | terms._asdict())
    return replace(players, online=online)
