"""seesaw profile: the parts of a trained network timed on this machine, as a file for deployments."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from bench.commands import options
from bench.commands.early import hold_record
from bench.commands.options import out
from bench.commands.split import graphs
from bench.commands.split.layers import time_layers
from bench.errors import SeesawError
from bench.plugins.names import check_names


@options.with_options
def profile(
    run_options: options.TrainOptions,
    into: Annotated[Path, typer.Option("--out", help="JSON file to write; with --layers a folder")],
    model: Annotated[
        str,
        typer.Option(
            help="a model that was run, backbone_method; or the path of its record; with --graph any backbone, trained or not"
        ),
    ] = "",
    batches: Annotated[str, typer.Option(help="sizes, joined by commas")] = "1",
    codecs: Annotated[
        str | None, typer.Option(help="specs, joined by commas; left out: those of the run")
    ] = None,
    rounds: Annotated[
        int, typer.Option(min=3, help="how often each part is timed undisturbed, at most")
    ] = 30,
    longest: Annotated[
        float, typer.Option(min=0.1, help="seconds for the parts of one size, at most")
    ] = 20.0,
    seed: Annotated[int, typer.Option(min=0, help="of the run, where a model is named")] = 0,
    graph: Annotated[
        bool,
        typer.Option("--graph", help="time every operation of a network, for `seesaw partition`"),
    ] = False,
    layers: Annotated[
        int,
        typer.Option(
            min=0,
            help="instead of --model: time the layers of so many networks drawn at random, from which predicted\\[of=FOLDER] predicts others",
        ),
    ] = 0,
    image: graphs.Image = graphs.IMAGE,
    classes: graphs.Classes = graphs.CLASSES,
    threads: options.Threads = None,
    debug: options.Debug = False,
) -> None:
    """Time a trained network's parts on this machine: stages up to and from each cut, heads, codecs, by batch size.

    The file is for `seesaw deploy`: --profile FILE for the device, --server FILE for the server. Its power is in it where the
    machine has a counter that can be read. It is of this network alone.

    With --graph every operation of a network is timed by itself, with one sample of --image and --classes logits, and the file
    holds its graph: MACs, weights and seconds of operations, and the bytes of the tensors between them.

    With --layers no network of yours is timed, but layers of many kinds and sizes, once for a device. The profile
    predicted\\[of=FOLDER] predicts from them what a network takes there that never ran there; the table says how far it is off.

    Examples:
      seesaw profile --model resnet_sparse --out here.json

      seesaw profile --model results/records/digits-v1/resnet_sparse-0123456789ab/seed0.json --batches 1,8 --out here.json

      seesaw profile --graph --model 'torchvision\\[name=vgg16]' --image 3x224x224 --out vgg16.json

      seesaw profile --layers 24 --out timed
    """
    if layers:
        if model or graph:
            raise SeesawError("--layers draws the networks that are timed. Leave out --model and --graph.")
        _only_timing(run_options, batches, codecs, "--layers times layers")
        time_layers(into, layers, seed, threads, rounds, longest)
        return
    if not model:
        raise SeesawError(
            "Which network is profiled? Name one that was run with --model, or give --layers 24."
        )
    if graph:
        _graph(run_options, model, into, batches, codecs, (image, classes, threads, rounds, longest))
        return
    path = Path(model)
    is_record = path.suffix == ".json"
    sizes = _sizes(batches)
    if is_record:
        hold_record(path)
    else:
        run_options.check_names(model)
    check_names("codec", options.words(codecs or ""))
    with out.status("Loading PyTorch ..."):
        from bench.boards.units import seconds
        from bench.execution.native import conditions
        from bench.files import writable
        from bench.lock import alone
        from bench.machine import settle, versions
        from bench.measuring.profile import Limits, profiled, watts
        from bench.network.pretrained import without_hub
        from bench.records.profile import ProfileFile
        from bench.runs.measure import codecs_of
        from bench.runs.request import ResolvedRun
        from bench.runs.trained import network_of

    if is_record and (changed := run_options.changed()):
        raise SeesawError(
            f"{path} is a record, which has its own task, exits plan and recipe. Leave out {', '.join(changed)}."
        )
    request = run_options.request_of(path) if is_record else run_options.request(model, seed=seed)
    run = ResolvedRun.of(request)
    trained = run.trained()
    if trained is None:
        raise SeesawError(
            f"{run.title} was not trained here, so there are no weights to profile. Run it first (seesaw run), or name --runs."
        )
    specs = [one.spec for one in trained.record.setup.codecs] if codecs is None else options.words(codecs)
    run = ResolvedRun.of(replace(request, codecs=tuple(specs)))
    writable(into.parent, "The profile", "--out")
    settle(threads)
    with out.status("Profiling ...") as status, without_hub(), alone(run.store.timing_lock):
        net, data = network_of(run, trained).to(run.device), run.splits()
        by_cut, _ = codecs_of(
            run, net, data, lambda done, total, line: status.update(f"Profiling: {line} ...")
        )
        timings = profiled(
            net, data, by_cut, sizes, run.device, Limits(rounds, longest),
            lambda line: status.update(f"Profiling: {line} ..."),
        )  # fmt: skip
        status.update("Profiling: power ...")
        power = watts(net, data.scale(data.calibration.inputs[:1].to(run.device)), run.device)
    ProfileFile(
        setup=trained.record.setup, digest=trained.record.digest, seed=run.seed, timings=timings,
        watts=None if isinstance(power, str) else power, machine=conditions(run.device), versions=versions(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    ).write(into)  # fmt: skip
    table = Table(
        "part",
        *(f"batch {size}" for size in sizes),
        title=run.title,
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
    )
    names = dict.fromkeys((one.part, one.number, one.codec) for one in timings)
    for part, number, codec in names:
        cells = []
        for size in sizes:
            (found,) = (
                one.seconds
                for one in timings
                if (one.part, one.number, one.codec, one.batch) == (part, number, codec, size)
            )
            cells.append(("" if found.is_reliable else "~") + (seconds(found.value) if found.value else "-"))
        where = "exit" if part in ("exit", "head") else "cut"
        table.add_row(
            f"{part} {'of' if part == 'head' else 'to' if part == 'exit' else 'at'} {where} {number} {codec}".rstrip(),
            *cells,
        )
    out.print(table)
    out.print(
        "Of one call, medians. A ~ marks times that other programs disturbed."
        if any(not one.seconds.is_reliable for one in timings)
        else "Of one call, medians."
    )
    out.print(
        f"Power: {power.value:.3g} W ({power.source})."
        if not isinstance(power, str)
        else f"Power unknown: {power}.",
        soft_wrap=True,
    )
    out.print(str(into), soft_wrap=True)


def _graph(
    run_options: options.TrainOptions,
    model: str,
    into: Path,
    batches: str,
    codecs: str | None,
    how: tuple[str, int, int | None, int, float],
) -> None:
    """Time the operations of a network and write its graph."""
    from bench.files import writable

    _only_timing(run_options, batches, codecs, "--graph times operations")
    writable(into.parent, "The graph", "--out")
    found = graphs.graph_by_name(model, *how)
    graphs.print_graph(found)
    out.print(str(found.write(into)), soft_wrap=True)


def _only_timing(run_options: options.TrainOptions, batches: str, codecs: str | None, what: str) -> None:
    """Hold that no option is given that is of a trained network.

    Raises:
        SeesawError: one is.
    """
    unused = [
        *run_options.changed(),
        *(["--batches"] if batches != "1" else []),
        *(["--codecs"] if codecs else []),
    ]
    if unused:
        raise SeesawError(f"{what} with one sample, without a task. Leave out {', '.join(unused)}.")


def _sizes(text: str) -> list[int]:
    """Batch sizes in a text.

    Raises:
        SeesawError: none, or one below 1.
    """
    try:
        sizes = sorted({int(part) for part in text.split(",")})
        if not 1 <= sizes[0] <= sizes[-1] <= 4096:
            raise ValueError(text)
    except ValueError as error:
        raise SeesawError(
            f"{text!r} is no list of batch sizes. Write whole numbers from 1 to 4096: 1,8."
        ) from error
    return sizes
