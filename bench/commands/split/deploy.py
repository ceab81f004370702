"""seesaw deploy: requests to a trained network over a link, by split policies, without running the network."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import options
from bench.commands.options import out
from bench.commands.split.real import print_real
from bench.errors import SeesawError, counted
from bench.plugins.names import check_names

if TYPE_CHECKING:
    from bench.records.run_files import RunFiles
    from bench.records.store import Store

USUAL = ("dynamic", "neurosurgeon", "splitee", "hi-lcb", "mu-linucb")


def deploy(
    record: Annotated[Path, typer.Option(help="record of the network's run, or the run's folder")],
    channel: Annotated[
        str, typer.Option(help="spec of the link; `seesaw list channel` shows all")
    ] = "constant",
    profile: Annotated[
        str, typer.Option(help="the device: spec of a profile, or a file that `seesaw profile` wrote")
    ] = "recorded",
    server: Annotated[str, typer.Option(help="the server, in the same way")] = "recorded",
    policy: Annotated[
        list[str] | None,
        typer.Option(help=f"spec of a split policy (may be repeated); left out: {', '.join(USUAL)}"),
    ] = None,
    rate: Annotated[float, typer.Option(min=1e-6, help="requests a second, on the mean")] = 10.0,
    seconds: Annotated[float, typer.Option(min=1e-3, help="for which requests come")] = 600.0,
    arrivals: Annotated[
        str,
        typer.Option(
            help="poisson; regular: at equal distances; or a file of recorded moments, seconds from 0, one a line, which --rate and "
            "--seconds do not change"
        ),
    ] = "poisson",
    deadline: Annotated[
        float | None, typer.Option(min=1e-9, help="seconds after which an answer is late; left out: never")
    ] = None,
    fallback: Annotated[
        bool,
        typer.Option(
            "--fallback",
            help="at the deadline the device answers by the last exit before the cut, which it computes for that",
        ),
    ] = False,
    devices: Annotated[
        int, typer.Option(min=1, help="that share the server; the others send as many requests from cut 0")
    ] = 1,
    load: Annotated[
        str | None,
        typer.Option(
            help="of further devices, from cut 0: requests a second that reach the server at random, or a file of the recorded "
            "moments at which they do"
        ),
    ] = None,
    batch: Annotated[
        int,
        typer.Option(
            min=1,
            max=4096,
            help="requests of one cut that the server computes together, at most; its profile needs times of batches",
        ),
    ] = 1,
    wait: Annotated[
        float, typer.Option(min=0, help="seconds for which the first of a batch waits for others, at most")
    ] = 0.0,
    report: Annotated[
        float, typer.Option(min=0, help="seconds between the modem's reports of the link's rate; 0 for none")
    ] = 1.0,
    battery: Annotated[float, typer.Option(min=0, help="joules; 0 for one without end")] = 0.0,
    reply: Annotated[int, typer.Option(min=1, help="bytes of an answer, framed")] = 64,
    seed: Annotated[int, typer.Option(min=0, help="of moments, samples, luck, and of the channel")] = 0,
    out_: Annotated[
        Path | None, typer.Option("--out", help="CSV file with a line for each request and policy")
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option(help="folder for three plots: time line, distribution, accuracy against time"),
    ] = None,
    ending: Annotated[str, typer.Option(help="of the plots' files: png, svg or pdf")] = "png",
    real: Annotated[
        bool,
        typer.Option(
            "--real",
            help="answer the same requests by a device, a link and a server on this machine too, and set measured times beside the "
            "predicted ones; one --policy that is fixed, and as many --seconds as it takes",
        ),
    ] = False,
    laid: Annotated[
        str,
        typer.Option(
            help="with --real, what lays the channel between device and server: proxy (`seesaw link`); or netem, the kernel between two network "
            "namespaces, for a constant channel, as root"
        ),
    ] = "proxy",
    keep: Annotated[
        bool,
        typer.Option(
            "--keep",
            help="keep it for the boards, in the folder deployments beside the records; with --real what was measured, in the folder measured",
        ),
    ] = False,
    records: Annotated[
        Path | None,
        typer.Option(
            envvar="SEESAW_RECORDS", help="folder of records; the one that holds the record where left out"
        ),
    ] = None,
    runs: options.Runs = options.RUNS,
    debug: options.Debug = False,
) -> None:
    """Deploy a network between a device and a server: when, where and how rightly each request is answered.

    The bytes and answers of single samples, at every cut through every codec, are read from the run's folder. The rest is
    arithmetic: device, link and server each take one request after the other, and the link carries what its table says.
    References are always played: always-device, always-server, best-fixed, random, oracle. Policies see no label and no later
    rate: `seesaw list split` shows them.

    Examples:
      seesaw deploy --record results/records/digits-v1/resnet_sparse-0123456789ab/seed0.json --channel 'constant\\[up=1,rtt=40]'

      seesaw deploy --record runs/digits-v1/resnet_sparse-0123456789ab/seed0 --profile 'scaled\\[by=20]' --deadline 0.1

      seesaw deploy --record R.json --profile phone.json --server server.json --policy 'fixed\\[cut=2,threshold=0.9]' --keep

      seesaw deploy --record R.json --real --policy 'fixed\\[cut=2,codec=float32]' --channel 'constant\\[up=1]' --rate 4 --seconds 20
    """
    specs = tuple(policy or USUAL)
    check_names("channel", [channel])
    sides = [f'profile[file="{one}"]' if one.endswith(".json") else one for one in (profile, server)]
    check_names("profile", sides)
    check_names("split", specs)
    if fallback and deadline is None:
        raise SeesawError(
            "The device answers by its own exit at a deadline, and there is none. Give --deadline SECONDS."
        )
    if wait and batch == 1:
        raise SeesawError(
            "The server waits for others to compute together, and takes one by one. Give --batch SIZE."
        )
    if real and (policy is None or len(specs) != 1 or figures is not None):
        raise SeesawError(
            "A real deployment plays one policy, and is printed, kept with --keep, or written with --out. Give --real one --policy "
            "'fixed[cut=2,codec=float32]', without --figures."
        )
    if laid not in ("proxy", "netem") or (laid == "netem" and not real):
        raise SeesawError(f"Nothing is laid by --laid {laid!r} here. Choose proxy or netem, with --real.")
    each, load_file = _load(load)
    is_drawn = arrivals in ("poisson", "regular")
    if not is_drawn and not Path(arrivals).is_file():
        raise SeesawError(
            f"Requests do not come by {arrivals!r}. Choose --arrivals poisson or regular, or a file of moments."
        )
    with out.status("Loading PyTorch ..."):
        from bench.boards.deployments.figure import figures as draw
        from bench.boards.deployments.show import shown
        from bench.drawing import pyplot
        from bench.files import writable
        from bench.kinds.channel import Channel
        from bench.kinds.device import Profile
        from bench.kinds.split import SplitPolicy
        from bench.plugins.plugin import choose
        from bench.records.deployment import Circumstances, ServerBatches
        from bench.replay.deploy.deployment import REFERENCES, Deployment, network_of, side_of
        from bench.replay.deploy.game import recorded
        from bench.replay.deploy.report import write_requests

    if figures is not None:
        pyplot(figures / f"timeline.{ending}")
        writable(figures, "Plots", "--figures")
    if out_ is not None:
        writable(out_.parent, "Requests", "--out")
    with out.status("Reading ..."):
        files, store = run_of(record, records, runs)
        network = network_of(files, store)
        chosen = {one.spec: one for one in (choose(SplitPolicy, spec) for spec in (*REFERENCES, *specs))}
        moments = [] if is_drawn else recorded(Path(arrivals)).tolist()
        if moments:
            seconds = max(moments[-1], 1e-3)
            rate = len(moments) / seconds
        circumstances = Circumstances(
            arrivals=arrivals if is_drawn else "recorded", moments=moments, rate=rate, seconds=seconds, order_seed=seed,
            devices=devices, reply=reply, report=report,
            battery=battery, deadline=deadline, fallback=fallback, load=each,
            load_moments=[] if load_file is None else recorded(load_file).tolist(),
            batching=ServerBatches(largest=batch, wait=wait) if batch > 1 else None,
        )  # fmt: skip
        device_side, server_side = (
            side_of(choose(Profile, spec), network.run, largest)
            for spec, largest in zip(sides, (1, batch), strict=True)
        )
        deployment = Deployment.of(
            network, choose(Channel, channel), (device_side, server_side), circumstances
        )
    if real:
        print_real(deployment, store, specs[0], out_, laid=laid, keep=keep)
        return
    policies = list(chosen.values())
    with out.status("Compiling ...") as status:
        deployment.compile(policies, lambda spec: status.update(f"Compiling {spec} ..."))
        begun = time.perf_counter()
        played = deployment.play(policies, lambda spec: status.update(f"Playing {spec} ..."))
        taken = time.perf_counter() - begun
    made = deployment.record(policies, played).sealed()
    for part, style in shown(made, store):
        out.print(part, style=style, soft_wrap=isinstance(part, str))
    if deployment.game.untimed:
        out.print(
            f"Counted as taking no time, for no profile has them: {', '.join(deployment.game.untimed)}. `seesaw profile` times codecs.",
            style="yellow",
            soft_wrap=True,
        )
    out.print(
        f"{counted(made.requests, 'request')} played by {counted(len(policies), 'policy', 'policies')} in {taken:.1f} s."
    )
    if out_ is not None:
        places = dict(enumerate(network.crossed.samples.tolist()))
        write_requests(out_, deployment.game, deployment.requests, places, played)
        out.print(str(out_), soft_wrap=True)
    if keep:
        out.print(str(store.save(made)), soft_wrap=True)
    if figures is not None:
        for path in draw(made, figures, ending):
            out.print(str(path), soft_wrap=True)


def _load(load: str | None) -> tuple[float | None, Path | None]:
    """The requests a second of further devices, or the file of their moments; neither where there are none.

    Raises:
        SeesawError: it is neither.
    """
    if load is None:
        return None, None
    try:
        each = float(load)
    except ValueError:
        if not Path(load).is_file():
            raise SeesawError(
                f"--load {load!r} is neither a number nor a file. Give requests a second, or a file of moments."
            ) from None
        return None, Path(load)
    if not (math.isfinite(each) and each >= 0):
        raise SeesawError(f"--load {load} is no rate. Give requests a second, such as 20.")
    return each or None, None


def run_of(record: Path, records: Path | None, runs: Path) -> tuple[RunFiles, Store]:
    """The files of the run that a record or a folder names, and the store that it lies in.

    Raises:
        SeesawError: the file is no record of a run.
    """
    from bench.records.record import Record
    from bench.records.run_files import RunFiles
    from bench.records.store import Store

    if record.is_dir():
        return RunFiles(record), Store(runs=runs) if records is None else Store(records, runs)
    run = Record.read(record)
    store = Store.around(record, run, runs) if records is None else Store(records, runs)
    return store.run_files(store.run_record(run.setup, run.seed)), store
