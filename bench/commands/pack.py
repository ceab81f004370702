"""seesaw pack: a trained network as files for a device and a server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from bench.commands import options
from bench.commands.early import hold_record
from bench.commands.options import out
from bench.errors import SeesawError, counted
from bench.plugins.names import check_names

if TYPE_CHECKING:
    from bench.execution.fast import Fast
    from bench.records.setup import Setup
    from bench.runs.request import ResolvedRun
    from bench.shipping.parts import Shipment


@dataclass(frozen=True)
class FileOptions:
    """The options that say which files are written of a network."""

    cut: Annotated[
        list[int] | None,
        typer.Option(
            min=0,
            help="first stage of the server's part; left out, one file holds all; 0 sends the image; several (--cut 2 --cut 4) go to "
            "OUT/cut2, OUT/cut4, among which a device may choose",
        ),
    ] = None
    values: Annotated[
        str | None, typer.Option(help="float32, float16 or int8; left out: as the run that is named had them")
    ] = None
    codec: Annotated[
        list[str] | None,
        typer.Option(
            help="spec of what the tensor crosses the cut by; a learned one comes with both of its halves; another one may be named "
            "for the image at cut 0 (picture\\[format=png])"
        ),
    ] = None
    by_exit: Annotated[
        bool, typer.Option("--by-exit", help="a part for each exit, which `seesaw run-exits` runs one by one")
    ] = False
    form: Annotated[str | None, typer.Option(help="of the indices; the smallest where left out")] = None
    onnx: Annotated[bool, typer.Option("--onnx", help="also write ONNX files")] = False
    torch_export: Annotated[
        bool, typer.Option("--torch-export", help="also write exported PyTorch programs")
    ] = False
    c: Annotated[bool, typer.Option("--c", help="also write plain C, for devices without Python")] = False
    samples: Annotated[int, typer.Option(min=1, max=4096, help="test samples to check the files on")] = 64

    @property
    def cuts(self) -> list[int]:
        """The cuts that are named, each once."""
        return list(dict.fromkeys(self.cut or []))

    def check_names(self) -> None:
        """Check the words in these options before PyTorch is loaded.

        Raises:
            SeesawError: one is wrong.
        """
        check_names("codec", self.codec or [])
        if self.values is not None:
            options.hold_word("values", self.values, options.VALUES)
        if self.form is not None:
            options.hold_word("form", self.form, options.FORMS)

    def write(self, run: ResolvedRun, into: Path) -> tuple[list[Shipment], list[str]]:
        """Write the files of every cut, check and time them: the shipments, and what is to be said of them.

        Raises:
            SeesawError: a codec without a cut, or what cannot be packed.
        """
        from bench.runs.ship import codecs_at, shipment_of
        from bench.shipping.c.write import write_c

        if self.codec and self.cut is None:
            raise SeesawError("A codec stands at a cut. Name one: --cut K.")
        codecs = codecs_at(self.cuts, self.codec or [])
        shipments: list[Shipment] = []
        notes: list[str] = []
        for one in self.cuts or [None]:
            shipment = shipment_of(
                run,
                into / f"cut{one}" if len(self.cuts) > 1 else into,
                samples=self.samples,
                values=self.values,
                form=self.form,
                cut=one,
                by_exit=self.by_exit,
                codec=None if one is None else codecs[one],
                c=self.c,
            )
            shipment.pack()
            shipment.time()
            if self.torch_export:
                shipment.export()
            if self.onnx:
                shipment.onnx()
            notes += write_c(shipment) if self.c else []
            shipments.append(shipment)
        return shipments, notes


@options.with_options
def pack(
    context: typer.Context,
    files: FileOptions,
    run_options: options.TrainOptions,
    what: Annotated[str, typer.Argument(help="path of a record, or a model that was run: backbone_method")],
    into: Annotated[Path, typer.Option("--out", help="folder for the files")],
    seed: Annotated[int, typer.Option(min=0, help="of the run, where a model is named")] = 0,
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
    if is_record:
        hold_record(path)
    else:
        run_options.check_names(what)
    files.check_names()
    with out.status("Loading PyTorch ..."):
        import bench.runs.ship
        import bench.shipping.c.write  # noqa: F401
    run = (
        _run_of_record(path, run_options)
        if is_record
        else _run_of_model(what, run_options, files, seed, _written(context))
    )
    with out.status("Packing ..."):
        shipments, notes = files.write(run, into)
    out.print(_table(f"{run.setup.model} seed {run.seed}", shipments))
    for note in notes:
        out.print(note)


def _written(context: typer.Context) -> set[str]:
    """The names of the options that were written on the command line."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return {name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"}


def _run_of_record(path: Path, run_options: options.TrainOptions) -> ResolvedRun:
    """The run that made a record.

    Raises:
        SeesawError: options beside it say what the record says itself.
    """
    from bench.runs.request import ResolvedRun

    if changed := run_options.changed():
        raise SeesawError(
            f"{path} is a record, which has its own task, exits plan and recipe. Leave out {', '.join(changed)}."
        )
    return ResolvedRun.of(run_options.request_of(path))


def _run_of_model(
    model: str, run_options: options.TrainOptions, files: FileOptions, seed: int, written: set[str]
) -> ResolvedRun:
    """The one run of a model that these options describe.

    Raises:
        SeesawError: there are several.
    """
    from bench.runs.request import ResolvedRun

    own = files.cuts[0] or None if len(files.cuts) == 1 else None
    run = ResolvedRun.of(run_options.request(model, seed=seed, cut=own, values=files.values or "float32"))
    _hold_single(run, model, written)
    return run


def _table(title: str, shipments: Sequence[Shipment]) -> Table:
    """The files that were written: their bytes, by how much their answers are off, and their time."""
    from torch import get_num_threads

    table = Table(
        *("part", "file", "bytes", "how", "off by", f"one sample, {counted(get_num_threads(), 'thread')}"),
        title=f"{title}, checked on {len(shipments[0].inputs)} test samples",
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
    )
    for one in (written for shipment in shipments for written in shipment.written):
        off = one.note if one.difference is None else "0" if one.difference == 0 else f"{one.difference:.1g}"
        table.add_row(one.part, str(one.path), f"{one.bytes:,}", one.kind, off, _time(one.fast))
    return table


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
