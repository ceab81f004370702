"""seesaw cuts: where a network can be cut, what crosses there, and which cuts are natural bottlenecks."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from bench.boards.units import big, in_bytes
from bench.commands import options
from bench.commands.options import out
from bench.errors import SeesawError, counted
from bench.plugins.names import check_names

if TYPE_CHECKING:
    from bench.kinds.task import Data
    from bench.measuring.bottlenecks import Bottlenecks, CutSize
    from bench.network.net import Net
    from bench.runs.request import ResolvedRun

USUAL = "float32,uint,uint[through=zstd],uint[bits=4,through=zstd]"
SOURCES = {"image8": "8-bit image", "jpeg": "JPEG", "ids": "token ids"}
"""What the codecs of inputs send, in words."""
log = logging.getLogger("seesaw")


@options.with_options
def cuts(
    run_options: options.TrainOptions,
    model: Annotated[str, typer.Argument(help="backbone_method")],
    codecs: Annotated[str, typer.Option(help="specs, joined by commas")] = USUAL,
    samples: Annotated[int, typer.Option(min=1, max=4096, help="test samples to send")] = 64,
    seed: Annotated[
        int, typer.Option(min=0, help="of the run whose weights are taken, where there is one")
    ] = 0,
    cut: options.Cut = None,
    saliency: Annotated[
        bool,
        typer.Option(
            "--saliency",
            help="of a trained network: how much of the right class's score each cut's feature explains (I-Split)",
        ),
    ] = False,
    debug: options.Debug = False,
) -> None:
    """List a network's cuts: what the device computes and keeps, what crosses, and the natural bottlenecks.

    A natural bottleneck is a cut behind which less crosses than the input is: in elements, as papers count, and in
    bytes, by codec, against the image as 8-bit values and as its JPEG. Those that are smaller than all before them are
    named apart. The network is the trained one of a run, where there is one, else it has its first weights: then the
    bytes of codecs with a compressor are those of random features, and the table says so.

    --saliency proposes cuts before any is tried: where the curve of saliency has a peak, the feature holds what decides. It is
    computed on samples of the calibration split.

    Examples:
      seesaw cuts resnet --task cifar100

      seesaw cuts lenet --task mnist --saliency

      seesaw cuts 'mobilenet\\[width=0.5]' --task digits --codecs 'float16,uint\\[bits=2,per=channel],bitmap'
    """
    specs = options.words(codecs)
    if not specs:
        raise SeesawError("--codecs names nothing. Name one at least, or leave the option out.")
    run_options.check_names(model)
    check_names("codec", specs)
    with out.status("Loading PyTorch ..."):
        from bench.measuring.bottlenecks import cut_sizes
        from bench.network.graph.capture import names_of
        from bench.runs.request import ResolvedRun

    run = ResolvedRun.of(run_options.request(model, seed=seed, cut=cut, codecs=specs))
    if run.input_codecs:
        raise SeesawError(
            f"{run.input_codecs[0].spec} sends inputs, and no feature at a cut. Measure it with seesaw run --codecs."
        )
    with out.status("Sending samples ..."):
        data = _data(run)
        net, trained = _net(run)
        if saliency:
            _hold_saliency(run, data, trained)
        found = cut_sizes(net, {one.spec: one.plugin for one in run.codecs}, data, samples)
    _print_found(
        run, found, names_of(net.stages), trained, 0 if data is None else min(samples, len(data.test.labels))
    )
    if saliency and data is not None:
        with out.status("Computing gradients ..."):
            curve = _saliency(net, data, samples)
        _print_saliency(curve, names_of(net.stages))


def _print_found(run: ResolvedRun, found: list[CutSize], names: list[str], trained: bool, sent: int) -> None:
    """Print the cuts of a network whose samples were sent: sizes, bytes by codec, and natural bottlenecks.

    Args:
        run: that the network is of.
        found: a size for each cut.
        names: of the stages, where they have some.
        trained: whether its weights are a run's.
        sent: how many test samples were sent; 0 where the data are absent.
    """
    weights = "its run's weights" if trained else "random weights, as no run has trained it here"
    means = (
        f"the median of {counted(sent, 'test sample')}"
        if sent
        else "of fixed sizes alone, as the data are absent"
    )
    out.print(
        f"{run.setup.model} on {run.task.spec}: {weights}; bytes are {means}", style="bold", soft_wrap=True
    )
    out.print(_parts(found, names))
    inputs = {name: size for name, size in found[0].payloads.items() if size is not None}
    named = ", ".join(f"{SOURCES.get(name, name)} {size:,.0f} B" for name, size in inputs.items())
    out.print(
        f"bytes by codec, and how many times those of the input ({named or 'which is not at hand'})",
        soft_wrap=True,
    )
    out.print(_payloads(found))
    _print_bottlenecks(found)


def _hold_saliency(run: ResolvedRun, data: Data | None, trained: bool) -> None:
    """Hold that a network's saliency can be computed, before its samples are sent.

    Raises:
        SeesawError: the network is not trained, or its data are absent.
    """
    if not trained or data is None:
        what = "the data of its task" if trained else "trained weights, and random ones tell nothing"
        raise SeesawError(
            f"Saliency needs {what}. Run it first: seesaw run --task '{run.task.spec}' --model '{run.request.model}'."
        )


def _saliency(net: Net, data: Data, samples: int) -> list[float]:
    """The saliency of each inner cut, on samples of the calibration split."""
    from bench.measuring.saliency import saliency

    split = data.calibration
    return saliency(net, data.scale(split.inputs[:samples]), split.labels[:samples])


def _print_saliency(curve: list[float], names: list[str]) -> None:
    """A row for each inner cut: its saliency over the largest, as a number and as a bar; peaks are marked."""
    from bench.measuring.saliency import peaks

    proposed = peaks(curve)
    table = Table("cut", *(["behind"] if names else []), "saliency", "", "", box=SIMPLE_HEAD)
    for number, value in enumerate(curve, 1):
        where = [names[number - 1]] if names else []
        mark = "peak" if number in proposed else ""
        table.add_row(str(number), *where, f"{value:.3f}", "#" * round(20 * value), mark)
    out.print(table)
    named = ", ".join(map(str, proposed)) or "none"
    out.print(f"proposed by saliency (peaks; not measured, and no bytes in it): cuts {named}", soft_wrap=True)


def _data(run: ResolvedRun) -> Data | None:
    """The task's splits; None where its files are absent, with a word."""
    try:
        return run.splits()
    except SeesawError as error:
        log.warning("%s", error)
        return None


def _net(run: ResolvedRun) -> tuple[Net, bool]:
    """The network in eval mode, and whether it was trained."""
    from bench.kinds.build import seeded, untrained
    from bench.runs.trained import network_of

    if (trained := run.trained()) is not None:
        return network_of(run, trained), True
    with seeded(run.seed):
        plugins = run.backbone.plugin, run.method.plugin, run.exits.plugin
        return untrained(*plugins, run.about, cut=run.setup.cut, seed=run.seed)[1].eval(), False


def _parts(found: list[CutSize], names: list[str]) -> Table:
    """A row for each cut: the stage that it lies behind, by its name where it has one; what crosses; the device's part."""
    from bench.measuring.bottlenecks import by_elements

    natural, whole = by_elements(found), found[0].elements
    behind = ["behind"] if names else []
    table = Table(
        "cut", *behind, "crosses", "elements", "x input", "", "device MACs", "device part", box=SIMPLE_HEAD
    )
    first = len(behind)
    for column in table.columns[first + 2 : first + 4] + table.columns[first + 5 :]:
        column.justify = "right"
    for cut in found:
        mark = "**" if cut.before in natural.leading else "*" if cut.before in natural.all else ""
        shape, share = " x ".join(map(str, cut.shape)), f"{cut.elements / whole:.3f}"
        where = [names[cut.before - 1] if cut.before else "the input"] if names else []
        table.add_row(
            str(cut.before),
            *where,
            shape,
            f"{cut.elements:,}",
            share,
            mark,
            big(cut.macs),
            in_bytes(cut.packed),
        )
    return table


def _payloads(found: list[CutSize]) -> Table:
    """A row for each cut: bytes by codec, and how many times those of the image as values and as JPEG."""
    first, *rest = found
    codecs = list(dict.fromkeys(name for cut in rest for name in cut.payloads))
    table = Table("cut", box=SIMPLE_HEAD)
    for codec in codecs:
        table.add_column(codec.replace("[", "\n[", 1), justify="right")
    for cut in rest:
        sizes = [cut.payloads.get(codec) for codec in codecs]
        table.add_row(str(cut.before), *("-" if size is None else _over(size, first) for size in sizes))
    return table


def _over(size: float, first: CutSize) -> str:
    """Bytes, and in brackets how many times those of each way to send the input."""
    times = [f"{size / whole:.2f}" for whole in first.payloads.values() if whole]
    return f"{size:,.0f} ({', '.join(times)})" if times else f"{size:,.0f}"


def _print_bottlenecks(found: list[CutSize]) -> None:
    """The natural bottlenecks in elements, then in bytes by codec."""
    from bench.measuring.bottlenecks import by_bytes, by_elements

    first, *rest = found
    _line("in elements, below the input (*)", by_elements(found))
    for source in (name for name in first.payloads if first.payloads[name] is not None):
        for codec in dict.fromkeys(name for cut in rest for name in cut.payloads):
            if all(cut.payloads.get(codec) is not None for cut in rest):
                _line(
                    f"in bytes by {codec}, below the {SOURCES.get(source, source)}",
                    by_bytes(found, codec, source),
                )


def _line(what: str, found: Bottlenecks) -> None:
    named = ", ".join(map(str, found.all)) or "none"
    leading = ", ".join(map(str, found.leading))
    apart = f"; smaller than all before: {leading}" if found.all != found.leading else ""
    out.print(f"{what}: {named}{apart}", soft_wrap=True)
