"""seesaw deploy: requests to a trained network over a link, by split policies, without running the network."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import options
from bench.commands.early import hold_record
from bench.commands.options import out
from bench.commands.split.asked import NetworkOptions, RequestOptions, WrittenOptions
from bench.commands.split.real import print_real
from bench.errors import SeesawError, counted
from bench.plugins.names import check_names

if TYPE_CHECKING:
    from bench.kinds.split import SplitPolicy
    from bench.plugins.plugin import Choice
    from bench.records.deployment import DeploymentRecord
    from bench.records.store import Store
    from bench.replay.deploy.deployment import Deployment
    from bench.replay.deploy.play import Played

USUAL = ("dynamic", "neurosurgeon", "splitee", "hi-lcb", "mu-linucb")


@options.with_options
def deploy(
    *,
    record: Annotated[Path, typer.Option(help="record of the network's run, or the run's folder")],
    channel: Annotated[
        str, typer.Option(help="spec of the link; `seesaw list channel` shows all")
    ] = "constant",
    policy: Annotated[
        list[str] | None,
        typer.Option(help=f"spec of a split policy (may be repeated); left out: {', '.join(USUAL)}"),
    ] = None,
    network: NetworkOptions,
    requests: RequestOptions,
    written: WrittenOptions,
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
    specs = list(policy or USUAL)
    check_names("channel", [channel])
    network.check_names()
    check_names("split", specs)
    requests.check()
    hold_record(record)
    if laid not in ("proxy", "netem") or (laid == "netem" and not real):
        raise SeesawError(f"Nothing is laid by --laid {laid!r} here. Choose proxy or netem, with --real.")
    _check_real(policy, written, real=real)
    with out.status("Loading PyTorch ..."):
        from bench.kinds.split import SplitPolicy
        from bench.plugins.plugin import choose
        from bench.replay.deploy.deployment import REFERENCES

    written.check()
    with out.status("Reading ..."):
        chosen = {one.spec: one for one in (choose(SplitPolicy, spec) for spec in (*REFERENCES, *specs))}
        deployment, store = _deployment(record, channel, network, requests)
    if real:
        print_real(deployment, store, specs[0], written.out, laid=laid, keep=written.keep)
        return
    made, played = _played(deployment, store, list(chosen.values()))
    _write(written, made, store, deployment, played)


def _played(
    deployment: Deployment, store: Store, policies: Sequence[Choice[SplitPolicy]]
) -> tuple[DeploymentRecord, Mapping[str, Played]]:
    """Let policies play a deployment, and print what came of it."""
    with out.status("Compiling ...") as status:
        deployment.compile(policies, lambda spec: status.update(f"Compiling {spec} ..."))
        begun = time.perf_counter()
        played = deployment.play(policies, lambda spec: status.update(f"Playing {spec} ..."))
        taken = time.perf_counter() - begun
    made = deployment.record(policies, played).sealed()
    _print(made, store, deployment)
    out.print(
        f"{counted(made.requests, 'request')} played by {counted(len(policies), 'policy', 'policies')} in {taken:.1f} s."
    )
    return made, played


def _check_real(policy: list[str] | None, written: WrittenOptions, *, real: bool) -> None:
    """Hold a real deployment to what it can do, before anything is loaded.

    Raises:
        SeesawError: it has no one policy, or is to be drawn.
    """
    if not real:
        return
    if policy is None or len(policy) != 1 or written.figures is not None:
        raise SeesawError(
            "A real deployment plays one policy, and is printed, kept with --keep, or written with --out. Give --real one --policy "
            "'fixed[cut=2,codec=float32]', without --figures."
        )


def _deployment(
    record: Path, channel: str, network_options: NetworkOptions, requests: RequestOptions
) -> tuple[Deployment, Store]:
    """The deployment that is requested, and the store that its run lies in.

    Raises:
        SeesawError: a file or a plugin is not what it should be.
    """
    from bench.kinds.channel import Channel
    from bench.plugins.plugin import choose
    from bench.replay.deploy.deployment import Deployment, side_of

    network, files, store = network_options.network(record)
    circumstances = requests.circumstances()
    device, server = (
        side_of(profile, network.run, largest)
        for profile, largest in zip(network_options.chosen(), (1, requests.batch), strict=True)
    )
    way = choose(Channel, channel)
    return Deployment.of(network, way, (device, server), circumstances, files.deciders), store


def _print(made: DeploymentRecord, store: Store, deployment: Deployment) -> None:
    """Print a deployment record, and which codecs count as taking no time."""
    from bench.boards.deployments.show import shown

    for part, style in shown(made, store):
        out.print(part, style=style, soft_wrap=isinstance(part, str))
    if deployment.game.untimed:
        out.print(
            f"Counted as taking no time, for no profile has them: {', '.join(deployment.game.untimed)}. `seesaw profile` times codecs.",
            style="yellow",
            soft_wrap=True,
        )


def _write(
    written: WrittenOptions,
    made: DeploymentRecord,
    store: Store,
    deployment: Deployment,
    played: Mapping[str, Played],
) -> None:
    """Write what was asked for, and print where it is."""
    from bench.boards.deployments.figure import figures as draw
    from bench.replay.deploy.report import write_requests

    if written.out is not None:
        places = dict(enumerate(deployment.network.crossed.samples.tolist()))
        write_requests(written.out, deployment.game, deployment.requests, places, played)
        out.print(str(written.out), soft_wrap=True)
    if written.keep:
        out.print(str(store.save(made)), soft_wrap=True)
    if written.figures is not None:
        for path in draw(made, written.figures, written.ending):
            out.print(str(path), soft_wrap=True)
