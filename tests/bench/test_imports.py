"""What is imported for what: looking at records needs no PyTorch, a device no laboratory."""

import json
import subprocess
import sys
from importlib.metadata import packages_distributions, requires

import pytest
import torch
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import bench
from bench.errors import LAB
from bench.runs.request import ResolvedRun, RunRequest
from bench.runs.run import run
from bench.runs.ship import shipment_of

LIGHT = {"torch", "pytorch_lightning", "torchvision", "torchmetrics", "sklearn", "numba", "wandb", "pandas"}


def after(code, *, without=()):
    """The top-level modules that a fresh interpreter holds after some code; `without` cannot be imported there."""
    whole = (
        f"import sys, json\nfor name in {list(without)!r}: sys.modules[name] = None\n{code}\n"
        "print(json.dumps([name for name, module in sys.modules.items() if module and '.' not in name]))"
    )
    done = subprocess.run([sys.executable, "-c", whole], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def after_command(*words, code=0):
    return after(f"sys.argv = {['seesaw', *words]!r}\nimport seesaw\ntry: seesaw.main()\nexcept SystemExit as end: assert (end.code or 0) == {code}, end.code")  # fmt: skip


@pytest.fixture(scope="module")
def paths(made, tmp_path_factory):
    records = tmp_path_factory.mktemp("home") / "records"
    return records, [str(made(seed).save(records)) for seed in range(2)]


@pytest.mark.parametrize("words", [["list"], ["--help"], ["run", "--help"]])
def test_looking_around_imports_no_torch(words):
    assert not LIGHT & after_command(*words)


@pytest.mark.parametrize(
    "command",
    [
        "run --task cifar1000",
        "run --model resnt_sparse",
        "run --model resnet_sparse[dnsity=0.1]",
        "run --model mlp_reinit[of=prunned]",
        "run --exits jont",
        "run --policies entrpy",
        "run --codecs int9",
        "run --meters mac",
        "run --set lrr=1",
        "run --strategy fsdp",
        "run --precision 16-mixed",
        "compare --on dask",
        "compare --on ray[worker=2]",
        "compare --backbones mpl",
        "compare --methods prunned",
        "pack resnt_sparse --out shipped",
        "replay --trace none.csv --policy splittee",
        "deploy --record none.json --policy dynamc",
        "deploy --record none.json --profile scaled[of=recordd]",
        "profile --model resnt_sparse --out here.json",
        "check resnt",
        "check sparse[dnsity=0.1]",
        "list methods",
        "new methd mine",
    ],
)
def test_a_wrong_name_is_found_before_anything_large_is_loaded(command):
    assert not LIGHT & after_command(*command.split(), code=1)


@pytest.mark.usefixtures("compiler")
def test_a_chain_is_made_without_the_compiler_of_pytorch():
    code = (
        "import torch\nfrom torch import nn\nfrom bench import chain_of\n"
        "layer = nn.Linear(8, 4)\nchain_of(layer, lambda x: [layer(x)], torch.zeros(1, 8), 1)\n"
        "assert 'torch._dynamo' not in sys.modules"
    )
    assert not {"sympy", "pytorch_lightning", "torchmetrics"} & after(code)


def test_a_run_that_has_its_record_is_shown_without_the_laboratory(places):
    run(RunRequest(task="blobs", model="mlp_dense", recipe={"epochs": "1"}, **places))
    words = [word for name, place in places.items() for word in (f"--{name}", str(place))]
    modules = after_command("run", "--task", "blobs", "--model", "mlp_dense", "--epochs", "1", *words)
    assert "torch" in modules
    assert not {"pytorch_lightning", "torchmetrics"} & modules


def test_boards_and_records_are_read_without_torch(paths, tmp_path):
    records, (first, second) = paths
    folders = ("--records", str(records), "--pages", str(tmp_path / "pages"))
    assert not LIGHT & after_command("board", *folders)
    assert list((tmp_path / "pages").glob("*.html"))
    assert not LIGHT & after_command("show", first)
    assert not LIGHT & after_command("diff", first, second)
    assert not LIGHT & after_command("verify", first)


def test_a_device_needs_no_laboratory(places, tmp_path):
    small = {
        "policies": ("confidence",),
        "codecs": ("int8",),
        "meters": ("storage",),
        "recipe": {"epochs": "1"},
    }
    request = RunRequest(task="blobs", model="mlp_sparse", **small, **places)
    run(request)
    shipment = shipment_of(ResolvedRun.of(request), tmp_path / "shipped", samples=8, cut=1)
    shipment.pack()
    torch.save(shipment.inputs, tmp_path / "x.pt")
    code = f"""
import torch
from pathlib import Path
from bench import fast, leaves_now, load_states, open_part, read_frames, write_frame
home = Path({str(tmp_path)!r})
part, x = open_part(home / "shipped", "device"), torch.load(home / "x.pt")
with torch.no_grad(): torch.save(part.answers(x), home / "exact.pt")
torch.save(fast(part, x)(x), home / "fast.pt")
"""
    assert "torch" in after(code, without=LAB)
    crossing, (early,) = torch.load(tmp_path / "exact.pt")
    with torch.no_grad():
        whole, _ = shipment.net(shipment.inputs)
    assert torch.equal(early, whole)
    torch.testing.assert_close(torch.load(tmp_path / "fast.pt"), [crossing, early], rtol=1e-4, atol=1e-5)


def test_what_needs_the_laboratory_says_how_to_install_it(monkeypatch):
    code = "try:\n    from bench import run\nexcept Exception as error: print(type(error).__name__, error)\n"
    whole = f"import sys\nfor name in {LAB!r}: sys.modules[name] = None\n{code}"
    done = subprocess.run([sys.executable, "-c", whole], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("SeesawError This needs ")
    assert "pip install 'seesaw-bench[lab]'" in done.stdout


def test_the_modules_of_the_laboratory_are_those_of_its_extra():
    names = {module: set(found) for module, found in packages_distributions().items()}
    lab = {
        one.name
        for one in map(Requirement, requires("seesaw-bench") or [])
        if one.marker and one.marker.evaluate({"extra": "lab"}) and not one.marker.evaluate({"extra": ""})
    }
    assert {canonicalize_name(name) for module in LAB for name in names[module]} == lab


def test_bench_has_the_names_it_lists():
    assert all(hasattr(bench, name) for name in dir(bench))
    with pytest.raises(AttributeError, match="Nonsense"):
        _ = bench.Nonsense
