"""seesaw pack: a trained network as files for a device and a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from bench.commands import options
from bench.commands.options import out
from bench.errors import SeesawError, counted
from bench.plugins.names import check_names

if TYPE_CHECKING:
    from bench.execution.fast import Fast
    from bench.records.setup import Setup
    from bench.runs.request import ResolvedRun


@options.with_options
def pack(
    context: typer.Context,
    run_options: options.TrainOptions,
    what: Annotated[str, typer.Argument(help="path of a record, or a model that was run: backbone_method")],
    into: Annotated[Path, typer.Option("--out", help="folder for the files")],
    cut: Annotated[
        list[int] | None,
        typer.Option(
            min=0,
            help="first stage of the server's part; left out, one file holds all; 0 sends the image; several (--cut 2 --cut 4) go to "
            "OUT/cut2, OUT/cut4, among which a device may choose",
        ),
    ] = None,
    values: Annotated[
        str | None, typer.Option(help="float32, float16 or int8; left out: as the run that is named had them")
    ] = None,
    codec: Annotated[
        list[str] | None,
        typer.Option(
            help="spec of what the tensor crosses the cut by; a learned one comes with both of its halves; another one may be named "
            "for the image at cut 0 (picture\\[format=png])"
        ),
    ] = None,
    by_exit: Annotated[
        bool, typer.Option("--by-exit", help="a part for each exit, which `seesaw run-exits` runs one by one")
    ] = False,
    form: Annotated[str | None, typer.Option(help="of the indices; the smallest where left out")] = None,
    onnx: Annotated[bool, typer.Option("--onnx", help="also write ONNX files")] = False,
    torch_export: Annotated[
        bool, typer.Option("--torch-export", help="also write exported PyTorch programs")
    ] = False,
    c: Annotated[bool, typer.Option("--c", help="also write plain C, for devices without Python")] = False,
    seed: Annotated[int, typer.Option(min=0, help="of the run, where a model is named")] = 0,
    samples: Annotated[int, typer.Option(min=1, max=4096, help="test samples to check the files on")] = 64,
    debug: options.Debug = False,
) -> None:
    """Write a trained network as packed files: the device's part and the server's, or the whole.

    The files are read back and run on samples of the test split beside the network itself. Packed files hold only
    the weights that exist; here they run in the fastest way, which
    `bench.fast(bench.open_part(folder, part), x)` gives. The table shows how long one sample takes, and how many
    times longer by PyTorch's dense kernels. ONNX files and exported programs hold zeros too, for tools without
    masks. `--c` writes `PART/model.h` and `model.c`: C99 and the standard library alone, which runs up to the next
    exit, decides there by the policies that can be said in C, and writes the feature as bytes; with `--values int8`
    it computes with int8 from end to end, and what that costs over the test split is printed and kept. Parts by exit
    come with the policies of the run, each at the point at which one would ship it.

    Examples:
      seesaw pack leaderboards/records/digits-v1/resnet_sparse-9b9b82ee7b4c/seed0.json --cut 4 --out shipped

      seesaw pack lenet_pruned --task mnist --cut 2 --values int8 --onnx --out shipped

      seesaw pack resnet_sparse --task digits --cut 3 --cut 6 --out shipped; seesaw serve shipped

      seesaw pack resnet --task cifar10 --cut 4 --codec 'bottleneck\\[channels=4]' --out shipped

      seesaw pack mlp_sparse --task digits --cut 1 --c --values int8 --out shipped

      seesaw pack resnet_sparse --by-exit --onnx --out shipped; seesaw run-exits shipped
    """
    path = Path(what)
    is_record = path.suffix == ".json" or path.exists()
    if not is_record:
        run_options.check_names(what)
    check_names("codec", codec or [])
    with out.status("Loading PyTorch ..."):
        from torch import get_num_threads

        from bench.runs.request import ResolvedRun
        from bench.runs.ship import codecs_at, shipment_of
        from bench.shipping.c.write import write_c

    if is_record:
        if changed := run_options.changed():
            raise SeesawError(
                f"{path} is a record, which has its own task, exits plan and recipe. Leave out {', '.join(changed)}."
            )
        run = ResolvedRun.of(run_options.request_of(path))
    else:
        own = cut[0] or None if cut and len(cut) == 1 else None
        run = ResolvedRun.of(run_options.request(what, seed=seed, cut=own, values=values or "float32"))
        sources = {name: context.get_parameter_source(name) for name in context.params}
        written = {
            name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"
        }
        _hold_single(run, what, written)
    cuts = list(dict.fromkeys(cut)) if cut else [None]
    if cut is None and codec:
        raise SeesawError("A codec stands at a cut. Name one: --cut K.")
    codecs = codecs_at(cut or [], codec or [])
    shipments, notes = [], []
    with out.status("Packing ..."):
        for one in cuts:
            shipment = shipment_of(
                run, into if len(cuts) == 1 else into / f"cut{one}", samples=samples, values=values, form=form, cut=one,
                by_exit=by_exit, codec=None if one is None else codecs[one], c=c,
            )  # fmt: skip
            shipment.pack()
            shipment.time()
            if torch_export:
                shipment.export()
            if onnx:
                shipment.onnx()
            notes += write_c(shipment) if c else []
            shipments.append(shipment)
    table = Table(
        "part", "file", "bytes", "how", "off by", f"one sample, {counted(get_num_threads(), 'thread')}", title=f"{run.setup.model} seed {run.seed}, checked on "
        f"{len(shipments[0].inputs)} test samples", title_justify="left", title_style="bold", box=SIMPLE_HEAD,
    )  # fmt: skip
    for one in (written for shipment in shipments for written in shipment.written):
        off = one.note if one.difference is None else "0" if one.difference == 0 else f"{one.difference:.1g}"
        table.add_row(one.part, str(one.path), f"{one.bytes:,}", one.kind, off, _time(one.fast))
    out.print(table)
    for note in notes:
        out.print(note)


def _hold_single(run: ResolvedRun, model: str, written: set[str]) -> None:
    """Refuse a model that was trained in several ways, where the command line does not say which is meant.

    Args:
        run: as it is resolved, with defaults for what was left out.
        model: as it was written.
        written: names of the options on the command line.

    Raises:
        SeesawError: several runs agree with everything that was written on the command line; it names them.
    """
    from bench.plugins.plugin import entries
    from bench.plugins.spec import parse, split_model
    from bench.records.setup import plan_of

    backbone, method = (
        parse(text).settings if text else {} for text in split_model(model, entries("backbone"))
    )

    def agrees(other: Setup) -> bool:
        own = run.setup
        return (
            all(other.backbone.settings.get(key) == own.backbone.settings[key] for key in backbone)
            and all(other.method.settings.get(key) == own.method.settings[key] for key in method)
            and all(other.recipe.get(key) == own.recipe[key] for key in run.request.recipe)
            and ("exits" not in written or other.exits.label == own.exits.label)
            and ("lean" not in written or other.lean == own.lean)
            and (own.cut is None or other.cut == own.cut)
        )

    found = {path: one for path, one in run.store.trainings(run.setup, run.seed).items() if agrees(one.setup)}
    if len(found) < 2:
        return
    names = "; ".join(f"{path} ({one.setup.model}, {plan_of(one.setup)})" for path, one in found.items())
    raise SeesawError(
        f"{model} was trained in {len(found)} ways with seed {run.seed}: {names}. Name the record instead of the model, or "
        "write the settings, --exits or --epochs that set it apart."
    )


def _time(fast: Fast | None) -> str:
    """The time of one sample and the way, beside dense kernels', in words; empty for a file not timed."""
    if fast is None:
        return ""
    time = f"{fast.seconds[fast.way.name] * 1e6:.0f} us by {fast.way.name.partition(',')[0]}"
    longer = f"{fast.speedup:.1f}"
    return time if longer == "1.0" else f"{time}; dense {longer} x as long"
