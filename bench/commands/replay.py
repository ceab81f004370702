"""seesaw replay: policies on traces, and on anyone's confidences, without running a network."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bench.commands import options
from bench.commands.early import hold_traces
from bench.commands.options import out
from bench.errors import SeesawError, counted
from bench.files import OWN
from bench.plugins.names import check_names

if TYPE_CHECKING:
    from bench.records.curve import Curve
    from bench.records.store import Store
    from bench.records.stream import StreamRecord
    from bench.replay.streams.costs import Priced
    from bench.replay.streams.entrants import Entrants
    from bench.replay.streams.sweep import Sweep
    from bench.replay.streams.tally import PolicyRow
    from bench.replay.trace import Trace

USUAL = ("splitee", "splitee-s", "random", "best-fixed", "oracle")


@dataclass(frozen=True)
class PlayOptions:
    """The options that say how often which policies play."""

    shuffles: Annotated[
        int, typer.Option(min=0, max=10_000, help="reshufflings; 0 for one pass in the file's order")
    ] = 20
    sweep: Annotated[
        list[str] | None,
        typer.Option(help="a setting and its values: offload=0.1:0.15:...:0.6 (may be repeated)"),
    ] = None
    seed: Annotated[int, typer.Option(min=0, help="of orders and draws")] = 0
    threads: options.Threads = None


@dataclass(frozen=True)
class CostOptions:
    """The options that say what an arm is, and what it costs."""

    arms: Annotated[
        str, typer.Option(help="exits; or cuts, which may also send the input before the first layer")
    ] = "exits"
    costs: Annotated[
        str | None,
        typer.Option(
            help="layers; measured (a trace's MACs, an npz's `costs`); one number for each exit: 1:2.5:4; or a "
            "reading of the exits in the run's record: latency, energy.MODEL; left out: layers, and measured for "
            "per-sample policies"
        ),
    ] = None
    sends: Annotated[
        str,
        typer.Option(
            help="for each arm, how many times `offload` sending costs there: 1:0.5:0.25; or bytes by the run's record, "
            "as shares of the input's: payload.int8"
        ),
    ] = ""
    calibration: Annotated[
        Path | None,
        typer.Option(help="trace for the thresholds of per-sample policies; the run's own where left out"),
    ] = None


@dataclass(frozen=True)
class KeepOptions:
    """The options that say what is written."""

    out: Annotated[Path | None, typer.Option("--out", help="JSON file for all numbers")] = None
    figures: Annotated[
        Path | None, typer.Option(help="folder for three plots: regret, accuracy and cost")
    ] = None
    ending: Annotated[str, typer.Option(help="of the plots' files: png, svg or pdf")] = "png"
    record: Annotated[
        bool,
        typer.Option("--record", help="keep it for the boards, in the folder streams beside the records"),
    ] = False
    records: options.Records = OWN

    def check(self) -> None:
        """See that numbers and plots can be written, before the work begins and not after it.

        Raises:
            SeesawError: a folder cannot be written, or nothing draws plots here or with this ending.
        """
        from bench.drawing import pyplot
        from bench.files import writable

        if self.out is not None:
            writable(self.out.parent, "Numbers", "--out")
        if self.figures is not None:
            pyplot(self.figures / f"regret.{self.ending}")
            writable(self.figures, "Plots", "--figures")


@options.with_options
def replay(
    *,
    trace: Annotated[
        list[Path],
        typer.Option(help="a run's folder or .safetensors, a .csv or .npz; repeated: one after the other"),
    ],
    policy: Annotated[
        list[str] | None,
        typer.Option(help=f"spec of a policy (may be repeated); left out: {', '.join(USUAL)}"),
    ] = None,
    playing: PlayOptions,
    charged: CostOptions,
    keeping: KeepOptions,
    debug: options.Debug = False,
) -> None:
    """Replay policies on the outputs of a network's exits: a million questions without running it again.

    Online policies (splitee, splitee-s, thompson, ...) meet the samples one by one, never see a label, and learn
    at which exit to stop or send on. Each is shown beside (a), all layers on the device, and (b), leaving at the
    first exit whose confidence reaches alpha. Per-sample policies (confidence, entropy, ...) get their curve, where
    there are logits.

    A CSV has a confidence and a prediction for every exit and the label last; an npz has `confidences` and
    `predictions` (samples, exits), or `logits` (exits, samples, classes), and `labels`. A reward charges alpha,
    layer (the paper's lambda), offload and mu, settings of every online policy: `seesaw list policy` shows them.

    With --record, the results on a run's stream are kept in a file, from which `seesaw board` makes pages: one file
    for each network, seed and question. Several traces must then be of one network and seed.

    Examples:
      seesaw replay --trace confidences.csv --policy 'splitee\\[offload=0.5]' --policy random

      seesaw replay --trace runs/digits-v1/resnet_dense-0123456789ab/seed0 --policy splitee-s --policy confidence

      seesaw replay --trace imdb.npz --policy splitee --policy splitee-s --sweep offload=0.1:0.15:...:0.6 --figures plots

      seesaw replay --trace runs/digits-v1/resnet_dense-0123456789ab/seed0 --sweep offload=0.1:0.15:...:0.6 --record

      seesaw replay --trace clean.npz --trace blurred.npz --policy splitee --policy 'sliding-window\\[window=2000]'
    """
    check_names("policy", policy or USUAL)
    hold_traces(trace)
    with out.status("Loading PyTorch ..."):
        from bench.machine import settle
        from bench.records.store import Store
        from bench.replay.streams import costs as cost_options
        from bench.replay.streams import entrants as entrant_options
        from bench.replay.streams.recording import parts_of
        from bench.replay.streams.sweep import Sweep

    settle(playing.threads)
    store, swept = Store(keeping.records), entrant_options.values(playing.sweep or [])
    entrants = entrant_options.entrants(policy or USUAL, swept)
    if keeping.record and not entrants.chosen:
        raise SeesawError(
            f"--record keeps what plays a stream, and none of {', '.join(entrants.streamless)} does: what decides for each sample "
            "alone stands on the run's own record. Name an online policy too, such as splitee."
        )
    with out.status("Reading ..."):
        network = parts_of(trace, store) if keeping.record else None
        stream, logits = entrant_options.load(trace)
        priced = cost_options.priced(charged.costs, trace, store, stream.exits)
        send_costs = cost_options.sends_of(charged.sends, trace, store, charged.arms)
        if priced.note:
            out.print(priced.note, style="yellow", soft_wrap=True)
        arms = stream.arms(charged.arms, priced.depths, send_costs)
        curves = _curves(entrants, logits, trace, charged.calibration, priced)
    keeping.check()
    online = [(name, one) for (name, _), one in entrants.online.items()]
    sweep = Sweep(stream, arms, online, list(entrants.guests.items()), playing.shuffles, playing.seed)
    begun = time.perf_counter()
    rows = _played(sweep, playing.threads)
    _print(sweep, rows, curves, priced, time.perf_counter() - begun)
    if keeping.out is not None:
        _write(keeping.out, trace, priced, sweep, rows, curves)
    if network is not None:
        from bench.replay.streams.recording import record_of

        costs = charged.costs
        depths = costs if costs is not None and cost_options.names_reading(costs) else priced.depths
        sending = charged.sends if cost_options.names_reading(charged.sends) else None
        _keep(record_of(*network, charged.arms, depths, entrants, sweep, rows, sending), store, entrants)
    if keeping.figures is not None:
        from bench.replay.streams.figures import figures as draw

        across = next((key for key in swept if key in rows[0].terms._fields), "offload")
        for path in draw(rows, sweep.marks, keeping.figures, across, keeping.ending):
            out.print(str(path), soft_wrap=True)


def _print(
    sweep: Sweep, rows: Sequence[PolicyRow], curves: Sequence[Curve], priced: Priced, seconds: float
) -> None:
    """Print what came of the streams, and the curves of policies that decide for each sample alone."""
    from bench.boards.show.policies import table_of
    from bench.replay.streams.report import stream_table

    out.print(stream_table(sweep, rows))
    if curves:
        title = f"per sample, nothing sent on: top-1 at shares of the last exit's cost ({priced.unit}), points chosen on calibration"
        out.print(table_of([(curve, curve.costs[-1]) for curve in curves], title))
    played = sum(len(row.tallies) for row in rows)
    out.print(
        f"{counted(played, 'stream')} of {counted(len(sweep.stream), 'sample')} played in {seconds:.1f} s."
    )


def _write(
    path: Path,
    traces: Sequence[Path],
    priced: Priced,
    sweep: Sweep,
    rows: Sequence[PolicyRow],
    curves: Sequence[Curve],
) -> None:
    """Write all numbers as JSON, and print where they are."""
    from bench.replay.streams.report import write_json

    write_json(path, {"traces": [str(one) for one in traces], "curves in": priced.unit}, sweep, rows, curves)
    out.print(str(path), soft_wrap=True)


def _played(sweep: Sweep, threads: int | None) -> list[PolicyRow]:
    """The rows of a sweep, with a bar while its streams are played."""
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=out, transient=True, disable=not out.is_terminal,
    ) as progress:  # fmt: skip
        bar = progress.add_task("streams played", total=None)
        return sweep.run(threads, lambda done, total: progress.update(bar, completed=done, total=total))


def _keep(stream_record: StreamRecord, store: Store, entrants: Entrants) -> None:
    """Write a stream record to its place, and name the policies that are not in it."""
    out.print(str(store.save(stream_record)), soft_wrap=True)
    if entrants.streamless:
        out.print(
            f"Not in it: {', '.join(entrants.streamless)}. What decides for each sample alone stands on the run's own record.",
            style="yellow",
            soft_wrap=True,
        )


def _curves(
    entrants: Entrants, test: Trace | None, traces: list[Path], calibration: Path | None, priced: Priced
) -> list[Curve]:
    """The curves of policies that decide for each sample alone; none if all of them can play a stream."""
    from bench.replay.exits.shipped import recorded
    from bench.replay.streams.entrants import calibration_of

    policy = entrants.needs_logits
    if policy is None:
        return []
    if test is None:
        raise SeesawError(
            f"{policy} needs the logits of every class, and {traces[0]} has confidences alone. Give an npz with `logits`; or leave "
            "it out: early exit at one threshold is row (b), at several --sweep alpha=0.5:0.6:...:0.9."
        )
    before = priced.of(calibration_of(traces[0], calibration, test, policy))
    return [recorded(choice, before, priced.of(test))[0] for choice in entrants.alone.values()]
