"""A stream record's replay once more, from the traces of its runs."""

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
    stream: StreamRecord, store: Store, *, threads: int | None = None, **places: object
) -> StreamRecord:
    """Replay what a sound stream record was asked.

    Args:
        stream: the record.
        store: of the records of its runs, and of their traces.
        threads: how many streams are played at once; the cores where left out.
        places: of what other kinds of files need to be made again; nothing of them is used.

    Raises:
        SeesawError: a policy is a draft, a run has no record or no trace, or a trace is not what its record measured.
    """
    traces = [store.trace(part.setup, stream.seed) for part in stream.parts]
    if missing := next((trace for trace in traces if not trace.is_file()), None):
        raise SeesawError(
            f"A stream is replayed from its network's trace, and there is no {missing}. Run the network again (seesaw run), "
            "or name the folder where it was run: --runs."
        )
    settle(threads)
    players = _entrants(stream)
    network, (played, _) = parts_of(traces, store), entrants.load(traces)
    run = store.run_of(traces[0])
    depths = costs.depths_of(run, stream.reading) if stream.reading else stream.costs
    sends = costs.sends_of(run, stream.sending, stream.arms) if stream.sending else list(stream.sends)
    online = [(name, one) for (name, _), one in players.online.items()]
    arms = played.arms(stream.arms, depths, sends)
    sweep = Sweep(played, arms, online, list(players.guests.items()), stream.shuffles, stream.order_seed)
    rows = sweep.run(threads)
    return record_of(*network, stream.arms, stream.costs, players, sweep, rows, stream.sending)


def _entrants(stream: StreamRecord) -> entrants.Entrants:
    """Its policies, under every set of terms that it has results of."""
    named = entrants.entrants([spec_of(one) for one in stream.entrants], {})
    online = {}
    for (name, _), one in named.online.items():
        for terms in (result.terms for result in stream.results if result.policy == name):
            online[name, terms] = type(one).model_validate(one.model_dump() | terms._asdict())
    return replace(named, online=online)
