"""seesaw device: the device's part of a shipped network, asking a server for what it does not answer itself."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.progress import Progress
from rich.table import Table

from bench.commands import options
from bench.commands.options import out
from bench.commands.split.serve import read_token
from bench.errors import SeesawError, counted, needing
from bench.files import writable
from bench.plugins.names import check_names

if TYPE_CHECKING:
    from torch import Tensor

    from bench.shipping.serving.device import Answer, Device

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
HEADER = (
    "sample",
    "label",
    "answer",
    "place",
    "exit",
    "cut",
    "seconds",
    "device",
    "server",
    "bytes",
    "input",
)


@dataclass
class Input:
    """One sample to answer: the tensor as the network takes it, its label where one is known, and where it comes from."""

    x: Tensor
    label: int | None = None
    source: str = ""


@dataclass
class Tally:
    """What became of the samples so far."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    bytes: dict[str, int] = field(default_factory=dict)
    right: dict[str, list[bool]] = field(default_factory=dict)

    def add(self, answer: Answer, label: int | None) -> None:
        """Count an answer under where it was given."""
        name = "server" if answer.exit is None else f"{answer.place} {answer.exit}"
        self.seconds.setdefault(name, []).append(answer.seconds)
        self.bytes[name] = self.bytes.get(name, 0) + answer.bytes
        if label is not None:
            self.right.setdefault(name, []).append(answer.label == label)

    @property
    def count(self) -> int:
        """Answers so far."""
        return sum(map(len, self.seconds.values()))


class _Lines:
    """A CSV file whose lines are on their way to the disk as soon as they are written."""

    def __init__(self, path: Path) -> None:
        self._file = open(path, "w", newline="", encoding="utf-8")  # noqa: SIM115
        self._writer = csv.writer(self._file)
        self.write(HEADER)

    def write(self, cells: Sequence[object]) -> None:
        self._writer.writerow(cells)
        self._file.flush()

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()


def device(
    folders: Annotated[
        list[Path],
        typer.Argument(
            help="that `seesaw pack --cut K` wrote, or one that holds several cuts of one network"
        ),
    ],
    server: Annotated[
        str | None, typer.Option(help="host:port; left out, the device answers everything by its last exit")
    ] = None,
    input_: Annotated[
        str,
        typer.Option(
            "--input",
            help="task: the test split of the network's task; or a folder of pictures, or one picture",
        ),
    ] = "task",
    samples: Annotated[
        int | None, typer.Option(min=1, help="how many, from the first; all where left out")
    ] = None,
    repeat: Annotated[int, typer.Option(min=1, help="times over, as a camera goes on")] = 1,
    rate: Annotated[
        float | None,
        typer.Option(
            min=1e-3, help="samples a second, as a camera gives them; left out, one after the other"
        ),
    ] = None,
    deadline: Annotated[
        float, typer.Option(min=1e-3, help="seconds for an answer; then the device answers by its last exit")
    ] = 1.0,
    policy: Annotated[
        str | None,
        typer.Option(
            help="spec of a shipped exit policy, which lets samples leave on the device; none for none; the first where left out"
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(help="spec of the split policy that takes the cut for each sample; `seesaw list split`"),
    ] = None,
    tls: Annotated[Path | None, typer.Option(help="folder of `seesaw certs`")] = None,
    token: Annotated[Path | None, typer.Option(help="file with the word that the server wants")] = None,
    out_: Annotated[
        Path | None, typer.Option("--out", help="CSV file with a line for each answer, as it comes")
    ] = None,
    data: options.DataSets = options.DATA,
    threads: Annotated[int, typer.Option(min=1, help="of PyTorch")] = 1,
    debug: options.Debug = False,
) -> None:
    """Run the device's part: answer at its exits where the policy is sure, and send the rest to a server.

    Every sample is answered once. Where no answer comes within the deadline, the device answers by its last exit, waits no longer
    for a server that stays away, and goes back to it within a second of its return. The same in Python:
    `bench.Device("shipped", "host:8443").ask(x)`.

    Examples:
      seesaw serve shipped & seesaw device shipped --server 127.0.0.1:8443

      seesaw device shipped --server 127.0.0.1:8444 --input pictures --rate 10 --deadline 0.2 --out answers.csv
    """
    if split is not None:
        check_names("split", [split])
    word = read_token(token)
    if out_ is not None:
        writable(out_.parent, "Answers", "--out")
    with out.status("Loading PyTorch ...") as status:
        from bench.machine import settle
        from bench.shipping.serving.device import Device

        settle(threads, deterministic=False)
        own = Device(
            folders,
            server,
            tls=tls,
            token=word,
            deadline=deadline,
            policy=policy,
            split=split,
            report=status.update,
        )
    with own, ExitStack() as stack:
        inputs, total = inputs_of(own, input_, data, samples)
        lines = None if out_ is None else stack.enter_context(_Lines(out_))
        tally = Tally()
        _hint(own)
        begun = time.perf_counter()
        with Progress(console=out, transient=True, disable=not out.is_terminal) as bar:
            task = bar.add_task("answers", total=total * repeat)
            for number, (one, answer) in enumerate(_answered(own, inputs, repeat, rate)):
                tally.add(answer, one.label)
                bar.update(task, advance=1)
                if lines is not None:
                    lines.write(_line(number, one, answer))
        out.print(_table(tally, time.perf_counter() - begun))
        if out_ is not None:
            out.print(str(out_), soft_wrap=True)


def _hint(own: Device) -> None:
    if own.client is not None and not own.locals[-1].exits:
        out.print(
            "No exit lies on the device: where the server does not answer in time, the program ends. Cut behind an exit.",
            style="yellow",
        )


def _answered(
    own: Device, inputs: Sequence[Input] | Iterator[Input], repeat: int, rate: float | None
) -> Iterator[tuple[Input, Answer]]:
    begun, number = time.perf_counter(), 0
    kept = list(inputs) if repeat > 1 else inputs
    for _ in range(repeat):
        for one in kept:
            if rate is not None and (left := begun + number / rate - time.perf_counter()) > 0:
                time.sleep(left)
            yield one, own.ask(one.x)
            number += 1


def inputs_of(own: Device, what: str, data: Path, samples: int | None) -> tuple[Iterator[Input], int]:
    """The samples to answer, and how many there are.

    Args:
        own: the device that will answer.
        what: `task`, or the path of pictures.
        data: folder of data sets.
        samples: how many are wanted; all for None.

    Raises:
        SeesawError: there are none, or the task is not to be had here.
    """
    from bench.kinds.task import Scale

    if what == "task":
        return _of_task(own, data, samples)
    path = Path(what)
    files = (
        [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.suffix.lower() in PICTURES)
    )
    files = files[:samples]
    if not files:
        raise SeesawError(
            f"{path} holds no pictures ({', '.join(PICTURES)}). Name a folder of pictures, or --input task."
        )
    scale, shape = own.manifest.scale, own.manifest.shape
    if scale is None:
        raise SeesawError(
            f"{own.locals[0].shipped.folder} does not say how pictures become inputs. Pack the network again, or give --input task."
        )
    return (Input(_picture(one, shape, Scale(scale.mean, scale.std)), source=str(one)) for one in files), len(
        files
    )


def _of_task(own: Device, data: Path, samples: int | None) -> tuple[Iterator[Input], int]:
    """Samples of the test split of the network's task."""
    from bench.kinds.task import Task, data_of
    from bench.network.pretrained import without_hub
    from bench.plugins.plugin import choose
    from bench.shipping.manifest import announced

    manifest = own.manifest
    announced(manifest.task)
    with without_hub():
        splits = data_of(choose(Task, manifest.task).plugin, manifest.inputs, data, manifest.seed)
    count = min(samples or len(splits.test.labels), len(splits.test.labels))
    labels = splits.test.labels[:count].tolist()
    return (
        Input(splits.scale(splits.test.inputs[number : number + 1]), labels[number], str(number))
        for number in range(count)
    ), count


def _picture(path: Path, shape: Sequence[int], scale: Callable[[Tensor], Tensor]) -> Tensor:
    """A picture as the network takes it: its middle square at the network's size, its channels as many."""
    with needing("codecs", "Pictures need"):
        from PIL import Image, ImageOps
    import numpy as np
    import torch

    channels, height, width = shape
    try:
        with Image.open(path) as picture:
            upright = ImageOps.exif_transpose(picture).convert("RGB" if channels == 3 else "L")
            fitted = ImageOps.fit(upright, (width, height), Image.Resampling.BILINEAR)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise SeesawError(
            f"{path} is no picture that can be read ({error}). Take it out of the folder."
        ) from error
    pixels = torch.from_numpy(np.array(fitted)).reshape(height, width, -1).permute(2, 0, 1)
    return scale(pixels[None].contiguous())


def _line(number: int, one: Input, answer: Answer) -> list[object]:
    label = "" if one.label is None else one.label
    exit_ = "" if answer.exit is None else answer.exit
    times = [f"{value:.6f}" for value in (answer.seconds, answer.device, answer.server)]
    return [number, label, answer.label, answer.place, exit_, answer.cut, *times, answer.bytes, one.source]


def _table(tally: Tally, taken: float) -> Table:
    from numpy import percentile

    from bench.boards.units import in_bytes, seconds

    table = Table(
        "answered at", "samples", "of all", "rightly", "median", "95%", "99%", "sent each", box=SIMPLE_HEAD, title_style="bold",
        title=f"{counted(tally.count, 'sample')} in {taken:.1f} s", title_justify="left",
    )  # fmt: skip
    everything = [one for times in tally.seconds.values() for one in times]
    rows = {
        name: (tally.seconds[name], tally.right.get(name, []), tally.bytes[name])
        for name in sorted(tally.seconds)
    }
    if len(rows) > 1:
        rows["all"] = (
            everything,
            [one for right in tally.right.values() for one in right],
            sum(tally.bytes.values()),
        )
    for name, (times, right, sent) in rows.items():
        rightly = f"{sum(right) / len(right):.2%}" if right else "-"
        quantiles = [seconds(float(percentile(times, q))) for q in (50, 95, 99)]
        table.add_row(
            name,
            f"{len(times):,}",
            f"{len(times) / len(everything):.1%}",
            rightly,
            *quantiles,
            in_bytes(sent / len(times)),
        )
    return table
