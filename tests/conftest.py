import json
import os
import shutil
import tempfile
import warnings
from pathlib import Path

import pytest
import torch

os.environ["WANDB_MODE"] = "disabled"

warnings.filterwarnings("ignore", category=FutureWarning)
torch.set_num_threads(1)  # networks here are tiny, and a second thread only waits for the first
os.environ["OMP_NUM_THREADS"] = "1"  # in the processes that tests start, too


def _cache():
    """A cache of this session's own, with the kernels and loops compiled before or now: a minute, once a machine."""
    from bench.execution import native

    native.missing()
    own = Path(tempfile.mkdtemp(prefix="seesaw-cache-"))
    for folder in native.cache().glob("seesaw_*"):
        if folder.is_dir():
            (own / folder.name).symlink_to(folder)
    loops = native.cache() / "numba"
    loops.mkdir(parents=True, exist_ok=True)
    (own / "numba").symlink_to(loops)
    os.environ["SEESAW_CACHE"] = str(own)
    return own


CACHE = _cache()


def pytest_unconfigure():
    shutil.rmtree(CACHE, ignore_errors=True)


@pytest.fixture(autouse=True)
def _one_seed():
    torch.manual_seed(0)


@pytest.fixture
def places(tmp_path):
    """Folders of one run: records, runs and data."""
    return {name: tmp_path / name for name in ("records", "runs", "data")}


@pytest.fixture(scope="session")
def write_texts():
    """Writes small sst2, imdb and mrpc files below a folder; words of sst2 and imdb tell their classes."""

    def write(folder):
        good, bad = (
            ["a good film", "good plot", "it was fine , good"],
            ["a bad film", "dull plot", "it was bad !"],
        )
        reviews = [{"text": text, "label": label} for label in (1, 0) for text in (bad, good)[label]]
        pairs = [{"s1": a, "s2": b, "label": int(a == b)} for a in good for b in good]
        files = {"sst2_train": reviews * 20, "sst2_dev": reviews * 2, "sst2_test_labelled": reviews * 4}
        files |= {"imdb_test": [one | {"text": f"{one['text']}<br /><br />So <b>"} for one in reviews * 3]}
        files |= {"mrpc_train": pairs * 4, "mrpc_test": pairs}
        (folder / "text").mkdir(parents=True)
        for name, rows in files.items():
            (folder / "text" / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return folder

    return write


@pytest.fixture
def texts(tmp_path, write_texts):
    return write_texts(tmp_path / "texts")


@pytest.fixture(scope="session")
def made():
    """Makes sound records without training: `made(seed, method=..., right=...)`, as a run would have written them."""
    from bench.records.curve import Curve, Point
    from bench.records.reading import Reading
    from bench.records.record import Cut, EpochRow, Exit, LayerRow, Record
    from bench.records.setup import Named, Setup

    def named(spec, **settings):
        return Named(name=spec.partition("[")[0], origin="seesaw-bench 1", settings=settings, spec=spec)

    def reading(value, unit="share", **more):
        return Reading(value=value, unit=unit, source="made", **more)

    def make(seed=0, method="dense", right=(160, 180), scale=1.0, samples=200, task="digits", **changes):
        shares = [count / samples for count in right]
        costs = [1000.0 * scale, 3000.0 * scale]
        timed = {"unit": "s", "low": 0.9e-3 * scale, "high": 1.2e-3 * scale, "n": 30}
        exits = [
            Exit(
                stage=number,
                readings={
                    "top1": reading(share, n=samples),
                    "top5": reading(1.0, n=samples),
                    "macs": reading(costs[number] / scale, "MAC"),
                    "macs.effective": reading(costs[number], "MAC"),
                    "bytes.dense": reading(4000.0 * (number + 1), "B"),
                    "bytes.indexed": reading(4000.0 * (number + 1) * scale, "B"),
                    "latency": reading(1e-3 * scale, **timed),
                    "energy.model-v1": reading(1e-6 * scale, "J"),
                },
            )
            for number, share in enumerate(shares)
        ]
        crossing = {
            "payload.int8": reading(64.0, "B"),
            "framed.int8": reading(80.0, "B"),
            "top1.int8": reading(shares[-1], n=samples),
        }
        image = {name.replace("int8", "image8"): one for name, one in crossing.items()}
        cuts = [
            Cut(before=0, shape=[1, 8, 8], readings=image),
            Cut(
                before=1,
                shape=[16],
                readings=crossing | {"macs.effective.device": reading(900.0 * scale, "MAC")},
            ),
            Cut(before=2, shape=[10], readings={"macs.effective.device": reading(costs[-1], "MAC")}),
        ]
        points = [
            Point(
                thresholds=[None, None], accuracy=shares[number], macs=costs[number],
                shares=[float(number == 0), float(number == 1)], calibration_accuracy=shares[number],
                calibration_macs=costs[number],
            )
            for number in (1, 0)
        ]  # fmt: skip
        setup = Setup(**({
            "task": named(task), "task_version": 1, "task_identity": {}, "backbone": named("mlp"),
            "method": named(method), "exits": named("joint"), "policies": [], "codecs": [named("int8")],
            "meters": [], "recipe": {"epochs": 2, "batch": 10}, "device": "cpu", "weights": None,
        } | changes))  # fmt: skip
        return Record(
            digest=setup.digest(), seed=seed, setup=setup, budget=1.0, exits=exits, cuts=cuts,
            curves=[Curve(policy="fixed", reference=False, points=points)],
            layers=[LayerRow(name="stages.0", shape=[16, 64], density=scale, pattern=None)],
            net={}, absent={}, notes={},
            training=[EpochRow(steps=10, loss=1.0, accuracy=[0.5, 0.5], lr=0.1, seconds=1.0, macs=9e5)] * 2,
            seconds={"train": 2.0}, machine={"processor": "made", "threads": 1}, versions={}, commit=None,
            dirty=None,
        ).sealed()  # fmt: skip

    return make


@pytest.fixture(scope="session")
def traced(made):
    """Saves a made record below `records` and a test trace that fits it below `runs`: `traced(home, seed, ...)`."""
    from bench import Trace

    def save(home, seed=0, right=(160, 180), **changes):
        record = made(seed, right=right, **changes)
        path = record.save(home / "records")
        generator = torch.Generator().manual_seed(seed)
        logits = torch.zeros(2, 200, 3)
        for exit_, count in enumerate(right):
            answers = torch.where(torch.arange(200) < count, 0, 1)
            sure = torch.rand(200, generator=generator) * 3 + exit_
            logits[exit_] = torch.nn.functional.one_hot(answers, 3) * sure[:, None]
        costs = torch.tensor([e.readings["macs.effective"].value for e in record.exits], dtype=torch.float64)
        folder = home / "runs" / path.relative_to(home / "records").with_suffix("")
        Trace(logits, torch.zeros(200, dtype=torch.int64), costs).save(folder / "test.safetensors")
        return folder

    return save


@pytest.fixture(scope="session")
def timed(traced):
    """Saves what `traced` does, of a run that was measured otherwise: `timed(home, seed, last=..., payload=...)`."""
    from bench.records.record import Record

    def save(home, seed=0, last=4e-3, payload=16.0):
        folder = traced(home, seed)
        path = home / "records" / folder.relative_to(home / "runs").with_suffix(".json")
        told = json.loads(path.read_text())
        told["exits"][1]["readings"]["latency"].update(value=last, low=last, high=last)
        told["cuts"][1]["readings"]["payload.int8"]["value"] = payload
        Record.model_validate(told).sealed().save(home / "records")
        return folder

    return save


@pytest.fixture(scope="session")
def streamed(traced):
    """Replays made traces as `seesaw replay --record` does: `streamed(home, seed, ...)` gives an unwritten stream record."""
    from bench.records.costs import depths_of, sends_of
    from bench.records.store import Store
    from bench.replay.streams import entrants as inputs
    from bench.replay.streams.recording import parts_of, record_of
    from bench.replay.streams.sweep import Sweep

    def play(
        home, seed=0, policies=("splitee", "random", "best-fixed"), shuffles=2, costs="layers", arms="exits",
        folders=None, offloads=("0.1", "0.3", "0.6"), sending=None, order_seed=0, **changes,
    ):  # fmt: skip
        folders = folders or [traced(home, seed, **changes)]
        store = Store(home / "records", home / "runs")
        network = parts_of(folders, store)
        named = inputs.entrants(policies, {"offload": offloads})
        stream, _ = inputs.load(folders)
        online = [(name, one) for (name, _), one in named.online.items()]
        named_cost = isinstance(costs, str) and costs not in ("layers", "measured")
        run = store.run_of(folders[0])
        priced = depths_of(run, costs) if named_cost else costs
        sends = sends_of(run, sending, arms) if sending else ()
        guests = list(named.guests.items())
        sweep = Sweep(stream, stream.arms(arms, priced, sends), online, guests, shuffles, order_seed)
        return record_of(*network, arms, costs, named, sweep, sweep.run(threads=1), sending)

    return play
