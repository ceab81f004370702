"""seesaw replay: policies over traces, and over anyone's confidences, without running a network."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bench.commands import options
from bench.commands.options import out
from bench.errors import SeesawError, counted

if TYPE_CHECKING:
    from bench.records.curve import Curve
    from bench.replay.streams.costs import Priced
    from bench.replay.streams.entrants import Entrants
    from bench.replay.trace import Trace

USUAL = ("splitee", "splitee-s", "random", "best-fixed", "oracle")


def replay(
    trace: Annotated[
        list[Path],
        typer.Option(help="a run's folder or .safetensors, a .csv or .npz; repeated: one after the other"),
    ],
    policy: Annotated[
        list[str] | None,
        typer.Option(help=f"spec of a policy (may be repeated); left out: {', '.join(USUAL)}"),
    ] = None,
    shuffles: Annotated[
        int, typer.Option(min=0, max=10_000, help="reshufflings; 0 for one pass in the file's order")
    ] = 20,
    sweep: Annotated[
        list[str] | None,
        typer.Option(help="a setting and its values: offload=0.1:0.15:...:0.6 (may be repeated)"),
    ] = None,
    arms: Annotated[
        str, typer.Option(help="exits; or cuts, which may also send the input before the first layer")
    ] = "exits",
    costs: Annotated[
        str | None,
        typer.Option(
            help="layers; measured (a trace's MACs, an npz's `costs`); one number for each exit: 1:2.5:4; or what the "
            "run's record says of its exits: latency, energy.MODEL; left out: layers, and measured for per-sample policies"
        ),
    ] = None,
    sends: Annotated[
        str,
        typer.Option(
            help="for each arm, how many times `offload` sending costs there: 1:0.5:0.25; or bytes by the run's record, "
            "as shares of the input's: payload.int8"
        ),
    ] = "",
    calibration: Annotated[
        Path | None,
        typer.Option(help="what per-sample policies take thresholds from; a run's own where left out"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="of orders and draws")] = 0,
    threads: options.Threads = None,
    out_: Annotated[Path | None, typer.Option("--out", help="JSON file for all numbers")] = None,
    figures: Annotated[
        Path | None, typer.Option(help="folder for three plots: regret, accuracy and cost")
    ] = None,
    ending: Annotated[str, typer.Option(help="of the plots' files: png, svg or pdf")] = "png",
    record: Annotated[
        bool,
        typer.Option("--record", help="keep it for the boards, in the folder streams beside the records"),
    ] = False,
    records: options.Records = options.RECORDS,
    debug: options.Debug = False,
) -> None:
    """Replay policies on what a network's exits said: a million questions without running it again.

    Online policies (splitee, splitee-s, thompson, ...) meet the samples one by one, never see a label, and learn at which
    exit to stop or send on. Each is shown beside (a), all layers on the device, and (b), leaving at the first exit whose
    confidence reaches alpha. Per-sample policies (confidence, entropy, ...) get their curve, where there are logits.

    A CSV has a confidence and a prediction for every exit and the label last; an npz has `confidences` and `predictions`
    (samples, exits), or `logits` (exits, samples, classes), and `labels`. A reward charges alpha, layer (the paper's
    lambda), offload and mu, settings of every online policy: `seesaw list policy` shows them.

    With --record, what a run's stream came to is kept as a file that `seesaw board` makes pages of: one for a network, its
    seed and what was asked. Several traces must then be of one network and seed.

    Examples:
      seesaw replay --trace confidences.csv --policy 'splitee\\[offload=0.5]' --policy random

      seesaw replay --trace runs/digits-v1/resnet_dense-0123456789ab/seed0 --policy splitee-s --policy confidence

      seesaw replay --trace imdb.npz --policy splitee --policy splitee-s --sweep offload=0.1:0.15:...:0.6 --figures plots

      seesaw replay --trace runs/digits-v1/resnet_dense-0123456789ab/seed0 --sweep offload=0.1:0.15:...:0.6 --record

      seesaw replay --trace clean.npz --trace blurred.npz --policy splitee --policy 'sliding-window\\[window=2000]'
    """
    with out.status("Loading PyTorch ..."):
        from bench.boards.show.policies import table_of
        from bench.drawing import pyplot
        from bench.files import writable
        from bench.machine import settle
        from bench.records.store import Store
        from bench.replay.streams import costs as asked_costs
        from bench.replay.streams import entrants as players
        from bench.replay.streams.recording import parts_of, record_of
        from bench.replay.streams.report import stream_table, write_json
        from bench.replay.streams.sweep import Sweep

    settle(threads)
    store = Store(records)
    swept = players.values(sweep or [])
    named = players.entrants(policy or USUAL, swept)
    if record and not named.chosen:
        raise SeesawError(
            f"--record keeps what plays a stream, and none of {', '.join(named.streamless)} does: what decides for each sample "
            "alone stands on the run's own record. Name an online policy too, such as splitee."
        )
    with out.status("Reading ..."):
        network = parts_of(trace, store) if record else None
        stream, logits = players.load(trace)
        priced = asked_costs.priced(costs, trace, store, stream.exits)
        sent = asked_costs.sends_of(sends, trace, store, arms)
        if priced.note:
            out.print(priced.note, style="yellow", soft_wrap=True)
        arms_ = stream.arms(arms, priced.depths, sent)
        curves = _curves(named, logits, trace, calibration, priced)
    if figures is not None:
        pyplot(figures / f"regret.{ending}")  # before the work begins: it may not be there
    for folder, what, option in ((out_ and out_.parent, "Numbers", "--out"), (figures, "Plots", "--figures")):
        if folder is not None:
            writable(folder, what, option)
    online = [(name, one) for (name, _), one in named.online.items()]
    plan = Sweep(stream, arms_, online, list(named.guests.items()), shuffles, seed)
    begun = time.perf_counter()
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=out, transient=True, disable=not out.is_terminal,
    ) as shown:  # fmt: skip
        bar = shown.add_task("streams played", total=None)
        rows = plan.run(threads, lambda done, total: shown.update(bar, completed=done, total=total))
    out.print(stream_table(plan, rows))
    if curves:
        title = f"per sample, nothing sent on: top-1 at shares of the last exit's cost ({priced.unit}), points chosen on calibration"
        out.print(table_of([(curve, curve.costs[-1]) for curve in curves], title))
    played = sum(len(row.tallies) for row in rows)
    out.print(
        f"{counted(played, 'stream')} of {counted(len(stream), 'sample')} played in {time.perf_counter() - begun:.1f} s."
    )
    if out_ is not None:
        write_json(
            out_, {"traces": [str(path) for path in trace], "curves in": priced.unit}, plan, rows, curves
        )
        out.print(str(out_), soft_wrap=True)
    if network is not None:
        asked = costs if costs is not None and asked_costs.named(costs) else priced.depths
        sending = sends if asked_costs.named(sends) else None
        stream_record = record_of(*network, arms, asked, named, plan, rows, sending)
        out.print(str(stream_record.write(store.path(stream_record))), soft_wrap=True)
        if named.streamless:
            out.print(
                f"Not in it: {', '.join(named.streamless)}. What decides for each sample alone stands on the run's own record.",
                style="yellow",
                soft_wrap=True,
            )
    if figures is not None:
        from bench.replay.streams.figures import figures as draw

        across = next((key for key in swept if key in rows[0].terms._fields), "offload")
        for path in draw(rows, plan.marks, figures, across, ending):
            out.print(str(path), soft_wrap=True)


def _curves(
    named: Entrants, test: Trace | None, traces: list[Path], calibration: Path | None, priced: Priced
) -> list[Curve]:
    """Curves of those that decide for each sample by itself, where one was named that can do nothing else."""
    from bench.replay.exits.shipped import recorded
    from bench.replay.streams.entrants import calibration_of

    who = named.needs_logits
    if who is None:
        return []
    if test is None:
        raise SeesawError(
            f"{who} needs the logits of every class, and {traces[0]} has confidences alone. Give an npz with `logits`; or leave "
            "it out: early exit at one threshold is row (b), at several --sweep alpha=0.5:0.6:...:0.9."
        )
    before = priced.of(calibration_of(traces[0], calibration, test, who))
    return [recorded(choice, before, priced.of(test))[0] for choice in named.alone.values()]
