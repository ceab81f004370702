"""seesaw device: the device's part of a shipped network, asking a server for what it does not answer itself."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import chain
from itertools import repeat as repeat_
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress

from bench.commands import options
from bench.commands.options import out
from bench.commands.split import places
from bench.commands.split.inputs import Input, inputs_of
from bench.commands.split.serve import ClearText, read_token
from bench.commands.split.tally import Lines, Tally, table_of
from bench.files import writable
from bench.plugins.names import check_names
from bench.shipping.serving.address import host_port

if TYPE_CHECKING:
    from bench.shipping.serving.device import Device

NO_EXIT = "No exit lies on the device: where the server does not answer in time, the program ends. Cut behind an exit."


def device(
    folders: Annotated[
        list[Path],
        typer.Argument(
            help="that `seesaw pack --cut K` wrote, or one that holds several cuts of one network; or a record, whose network is packed first",
            metavar="SHIPPED-OR-RECORD...",
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
    tls: Annotated[
        Path | None,
        typer.Option(
            help="folder of `seesaw certs`; with authority.pem alone, for a server of --token-only or a TLS proxy, which want no certificate"
        ),
    ] = None,
    token: Annotated[Path | None, typer.Option(help="file with the word that the server wants")] = None,
    clear_text: ClearText = False,
    cut: places.Cuts = None,
    codec: places.Codecs = None,
    into: places.Into = None,
    out_: Annotated[
        Path | None, typer.Option("--out", help="CSV file with a line for each answer, as it comes")
    ] = None,
    runs: options.Runs = options.RUNS,
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

      seesaw device results/records/digits-v1/resnet_sparse-0123456789ab/seed0.json --cut 4 --server 127.0.0.1:8443

      seesaw device shipped --server 127.0.0.1:8444 --input pictures --rate 10 --deadline 0.2 --out answers.csv
    """
    if split is not None:
        check_names("split", [split])
    if server is not None:
        host_port(server, "--server", free=False)
    asked = places.Packing(cut or [], codec or [], into, data, runs)
    asked.hold(folders)
    word = read_token(token)
    if out_ is not None:
        writable(out_.parent, "Answers", "--out")
    with out.status("Loading PyTorch ...") as status:
        from bench.machine import settle
        from bench.shipping.serving.device import Device

        settle(threads, deterministic=False)
        with places.shipped(folders, asked, status.update) as there:
            own = Device(
                there, server, tls=tls, token=word, clear_text=clear_text, deadline=deadline, policy=policy, split=split,
                report=status.update,
            )  # fmt: skip
    with own:
        inputs, total = inputs_of(own, input_, data, samples)
        if own.client is not None and not own.locals[-1].exits:
            out.print(NO_EXIT, style="yellow")
        _run(own, _repeated(inputs, repeat), rate, total * repeat, out_)


def _run(own: Device, inputs: Iterable[Input], rate: float | None, total: int, into: Path | None) -> None:
    """Answer every input, and print what became of them.

    Args:
        own: that answers.
        inputs: in order.
        rate: how many a second; None for one after the other.
        total: how many there are.
        into: CSV file for a line each; None for none.
    """
    tally, begun = Tally(), time.perf_counter()
    with ExitStack() as stack:
        lines = None if into is None else stack.enter_context(Lines(into))
        bar = stack.enter_context(Progress(console=out, transient=True, disable=not out.is_terminal))
        task = bar.add_task("answers", total=total)
        for number, one in enumerate(inputs):
            if rate is not None and (left := begun + number / rate - time.perf_counter()) > 0:
                time.sleep(left)
            answer = own.ask(one.x)
            tally.add(answer, one.label)
            bar.update(task, advance=1)
            if lines is not None:
                lines.add(number, one, answer)
    out.print(table_of(tally, time.perf_counter() - begun))
    if into is not None:
        out.print(str(into), soft_wrap=True)


def _repeated(inputs: Iterator[Input], times: int) -> Iterable[Input]:
    """The inputs, so many times over."""
    return inputs if times == 1 else chain.from_iterable(repeat_(list(inputs), times))
