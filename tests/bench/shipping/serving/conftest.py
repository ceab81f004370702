"""A small network that was shipped at two cuts, and a server of it in a thread."""

import asyncio
import shutil
import threading
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from bench import SeesawError
from bench.runs.request import ResolvedRun, RunRequest
from bench.runs.run import run
from bench.runs.ship import shipment_of
from bench.shipping.serving.batches import Limits
from bench.shipping.serving.security import Access
from bench.shipping.serving.server import Server


@pytest.fixture(scope="session")
def shipped(tmp_path_factory):
    """`cuts`: a folder with the folders `cut1`, by float32, and `cut3`, by float16; `images`: one with `cut0`, by PNG, and `cut3`;
    `x`: inputs; `net`: the network.
    """
    top = tmp_path_factory.mktemp("shipped")
    places = {name: top / name for name in ("records", "runs", "data")}
    order = RunRequest(
        task="blobs", model="resnet[depth=8,width=0.5]_dense", policies=("confidence",), codecs=("float32",),
        meters=("storage",), recipe={"epochs": "1"}, **places,
    )  # fmt: skip
    run(order)
    plan = ResolvedRun.of(order)
    net, inputs = None, None
    for cut, codec in ((1, None), (3, "float16")):
        one = shipment_of(plan, top / "cuts" / f"cut{cut}", samples=40, cut=cut, codec=codec)
        one.pack()
        net, inputs = one.net, one.inputs
    shipment_of(plan, top / "images/cut0", samples=40, cut=0, codec="picture[format=png]").pack()
    shutil.copytree(top / "cuts/cut3", top / "images/cut3")
    return SimpleNamespace(cuts=top / "cuts", images=top / "images", net=net, x=inputs)


@contextmanager
def serving(folder, limits=None, port=0, **access):
    """A server in a thread of its own: `port`, `server`, `stop`."""
    ready, made = threading.Event(), SimpleNamespace(error=None)

    async def main():
        try:
            made.server = Server([folder], limits or Limits())
            made.port = await made.server.start(f"127.0.0.1:{port}", Access(**access))
            made.loop, made.ending = asyncio.get_running_loop(), asyncio.Event()
        except SeesawError as error:
            made.error = error
            return
        finally:
            ready.set()
        await made.ending.wait()
        await made.server.stop(1.0)

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    ready.wait(60)
    if made.error is not None:
        raise made.error

    def stop():
        if thread.is_alive():
            made.loop.call_soon_threadsafe(made.ending.set)
            thread.join(20)

    made.stop = stop
    try:
        yield made
    finally:
        stop()
