"""Several processes train one network, on gloo and the CPU: the same steps, the same masks, one end for all.

Covers: bench/records/layout.py, bench/runs/rank.py, bench/runs/training/world.py, bench/runs/training/compiled.py
"""

import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
import torch.distributed as dist

from bench import SeesawError
from bench.kinds.task import Split
from bench.records.layout import Layout
from bench.records.record import load
from bench.records.setup import Recipe, plan_of
from bench.runs.ranks import Node
from bench.runs.request import ResolvedRun, RunRequest
from bench.runs.run import run
from bench.runs.training.data import Strides
from bench.runs.training.world import World

TWO = Layout(devices=2, strategy="ddp")
SMALL = {"policies": ("confidence",), "codecs": ("int8",), "meters": ("macs",)}


def request(places, **changes):
    words = {"task": "blobs", "model": "mlp_set[density=0.5]", "recipe": {"epochs": "3"}, "devices": 2}
    return RunRequest(**(words | SMALL | places | changes))


@pytest.mark.parametrize("size", [2, 4])
def test_the_shares_of_all_processes_are_the_steps_of_one(size):
    split = Split(
        torch.arange(50, dtype=torch.uint8).reshape(50, 1, 1, 1).expand(50, 1, 4, 4), torch.arange(50)
    )
    recipe = Recipe(epochs=2, batch=8, crop=1, flip=True)
    whole = list(Strides(split, recipe, 3, 0, 6)) + list(Strides(split, recipe, 3, 6, 12))
    layout = Layout(devices=size, strategy="ddp")
    parts = [list(Strides(split, recipe, 3, 0, 6, world=World(layout, rank))) for rank in range(size)]
    parts = [
        own + list(Strides(split, recipe, 3, 6, 12, world=World(layout, rank)))
        for rank, own in enumerate(parts)
    ]
    for number, batch in enumerate(whole):
        for field in range(4):
            shares = [own[number][field].reshape(-1, 8 // size, *batch[field].shape[1:]) for own in parts]
            assert torch.equal(torch.cat(shares, 1).flatten(0, 1), batch[field])


METHODS = [
    "set[density=0.25]", "rigl[density=0.25]", "snip[density=0.25]", "gradual[density=0.25]", "synflow[density=0.25]",
    "movement[density=0.25]", "depgraph[density=0.5]",
]  # fmt: skip

GROUP = """
import hashlib, os, sys, warnings
from pathlib import Path
from tempfile import TemporaryDirectory
warnings.simplefilter("ignore")
import torch, torch.distributed as dist
torch.set_num_threads(1)
from bench import Method, hide, maskable
from bench.kinds.method import Method as Kind
from bench.plugins.plugin import choose
from bench.records.layout import Layout
from bench.runs.training.callbacks import Log
from bench.runs.training.checkpoint import Checkpoints
from bench.runs.training.world import World
from bench.testing.tiny import AllExits, trained

rank, specs = int(os.environ["LOCAL_RANK"]), sys.argv[1:]
dist.init_process_group("gloo", rank=rank, world_size=2)
world = World(Layout(devices=2, strategy="ddp"), rank)

class Unlike(Method):
    # draws from the system, not from PyTorch's generators: another mask in every process
    def after_step(self, step):
        if step.index in (1, 5):
            for layer in maskable(step.net).values():
                drawn = torch.frombuffer(bytearray(os.urandom(layer.weight.numel())), dtype=torch.uint8)
                hide(layer, drawn.reshape(layer.weight.shape) < 128)

class Apart(Method):
    def after_step(self, step):
        with torch.no_grad():
            next(iter(maskable(step.net).values())).weight.add_(rank * 1e-3)

class Killed(BaseException):
    pass

def ended(index, row):
    if index == 0:
        raise Killed

def goes_on(plugin):
    # ended after its first epoch, and begun again: the same network
    with TemporaryDirectory() as folder:
        checkpoints = Checkpoints(Path(world.of_first(folder)), {})
        try:
            trained(plugin, AllExits(), world=world, log=Log(ended=ended, checkpoints=checkpoints))
        except Killed:
            world.barrier()
        assert checkpoints.read(0) is not None
        net, _ = trained(plugin, AllExits(), world=world, log=Log(checkpoints=checkpoints))
        world.barrier()
    return net

for spec in specs:
    try:
        plugin = {"unlike": Unlike, "apart": Apart}[spec]() if spec in ("unlike", "apart") else choose(Kind, spec).plugin
        net, budget = trained(plugin, AllExits(), world=world)
        state = b"".join(t.detach().contiguous().numpy().tobytes() for t in net.state_dict().values())
        masks = sum(int(t.sum()) for n, t in net.state_dict().items() if n.endswith("weight_mask"))
        row = budget.log.epochs[-1]
        if spec.startswith("rigl"):
            again = goes_on(plugin).state_dict()
            assert all(torch.equal(one, again[name]) for name, one in net.state_dict().items())
        print(spec, hashlib.sha256(state).hexdigest(), masks, row.loss, row.accuracy, row.macs, flush=True)
    except Exception as error:
        print(spec, type(error).__name__, str(error).split("(")[0], flush=True)
os._exit(0)
"""


def group(*specs):
    """What two processes print of these methods."""
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    port = store.port
    del store
    own = {
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "GLOO_SOCKET_IFNAME": "lo", "NODE_RANK": "0",
        "TORCH_CPP_LOG_LEVEL": "ERROR", "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }  # fmt: skip
    both = [
        subprocess.Popen(
            [sys.executable, "-c", GROUP, *specs], env=os.environ | own | {"LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE, text=True,
        )
        for rank in range(2)
    ]  # fmt: skip
    return [one.communicate(timeout=300)[0].splitlines() for one in both]


def test_masks_weights_and_rows_agree_whatever_the_method_and_after_an_end():
    first, second = group(*METHODS, "unlike", "apart")
    assert len(first) == len(METHODS) + 2
    assert first[:-1] == second[:-1]
    for line in first[:-1]:
        _, digest, masks, *_ = line.split(" ")
        assert (len(digest), int(masks) > 0) == (64, True), line
    for line in (first[-1], second[-1]):
        assert line.startswith("apart SeesawError The networks of the 2 processes came apart")


KILLING = """
import os, signal
from pathlib import Path
from bench import Method

class Killing(Method):
    marker: str

    def after_step(self, step):
        marker = Path(self.marker)
        if os.environ.get("LOCAL_RANK") == "1" and step.progress > 0.7 and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_rank_ends_all_and_the_same_run_goes_on_after_its_last_epoch(places, tmp_path):
    (tmp_path / "killing.py").write_text(KILLING)
    dying = request(places, model=f"mlp_{tmp_path / 'killing.py'}:Killing[marker={tmp_path / 'marker'}]")
    with pytest.raises(
        SeesawError, match=r"Process 1 of 2 ended with SIGKILL.*others were ended.*goes on after"
    ):
        run(dying)
    resolved = ResolvedRun.of(dying)
    assert not resolved.path.exists()
    assert [one.name for one in resolved.files.checkpoints.iterdir()] == ["call0000.safetensors"]
    record = run(dying)
    assert record.setup.layout == TWO
    assert list(record.contradictions()) == []
    assert [row.steps for row in record.training] == [record.training[0].steps] * 3
    assert load(resolved.path) == record
    assert not resolved.files.checkpoints.exists()
    one_device = ResolvedRun.of(replace(dying, devices=1)).setup
    assert one_device.training_digest() != record.setup.training_digest()


def test_a_record_names_its_layout_and_is_asked_for_again_with_it(places):
    setup = ResolvedRun.of(request(places, precision="bf16-mixed", accumulate=2)).setup
    assert plan_of(setup).endswith("2 devices by ddp, bf16-mixed, steps in 2 parts")
    record = run(request(places, devices=1, precision="bf16-mixed", accumulate=2, recipe={"epochs": "1"}))
    assert list(record.contradictions()) == []
    again = RunRequest.of(record, **places)
    assert (again.precision, again.accumulate, again.devices) == ("bf16-mixed", 2, 1)
    assert ResolvedRun.of(again).setup == record.setup


def test_what_cannot_be_laid_out_is_a_sentence(places):
    for changes, words in (
        ({"devices": 3}, r"batch of \d+ cannot be dealt out to 3 processes .*--set batch="),
        ({"accumulate": 5, "devices": 1}, "to 5 parts in equal shares"),
        ({"strategy": "fsdp"}, "no --strategy 'fsdp'. It cuts weights into pieces.*Choose auto or ddp"),
        ({"precision": "16-mixed"}, "float16 needs scaled gradients.*Choose 32 or bf16-mixed"),
        ({"devices": 1, "strategy": "ddp"}, "for several devices, and one is named"),
        ({"devices": 0}, "out of bounds"),
        ({"devices": 1, "lean": True, "precision": "bf16-mixed"}, "--lean trains by kernels"),
    ):
        with pytest.raises(SeesawError, match=words):
            ResolvedRun.of(request(places, **changes))


def test_nodes_know_their_place_by_variables(monkeypatch):
    layout = Layout(devices=2, nodes=2, strategy="ddp")
    for name in ("NODE_RANK", "SLURM_NODEID", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SeesawError, match="NODE_RANK from 0 to 1"):
        Node.of(layout)
    for name, value in (("SLURM_NODEID", "1"), ("MASTER_ADDR", "10.0.0.1"), ("MASTER_PORT", "29500")):
        monkeypatch.setenv(name, value)
    assert Node.of(layout) == Node(1, "10.0.0.1", 29500)
    assert Node.of(TWO) == Node(0, "127.0.0.1", 0)
