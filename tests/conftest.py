import json
import os
import shutil
import subprocess
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import pytest
import torch

os.environ["WANDB_MODE"] = "disabled"

warnings.filterwarnings("ignore", category=FutureWarning)
torch.set_num_threads(1)  # networks here are tiny, and a second thread only waits for the first
os.environ["OMP_NUM_THREADS"] = "1"  # in the processes that tests start, too
os.environ["SEESAW_ENGINES"] = "0"  # a second for each run: tests of engines ask for them


def _cache():
    """A cache of this session's own, with the kernels and loops compiled before or now: a minute, once a machine."""
    from bench.execution import native

    native.why_no_kernels()
    os.environ["SEESAW_KERNELS"] = str(native.cache())  # for tests that build others, once a machine
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


def _lacking(reason):
    """Skip a test whose tool is not here, loudly; where every tool must be here (`.ci/run` says so), fail it."""
    (pytest.fail if os.environ.get("SEESAW_TESTS") == "all" else pytest.skip)(reason)


def pytest_terminal_summary(terminalreporter):
    """Which tests did not run, and why: the last lines, in yellow."""
    reasons = Counter(report.longrepr[2] for report in terminalreporter.stats.get("skipped", []))
    for reason, count in reasons.items():
        terminalreporter.write_line(f"NOT RUN: {count} x {reason.removeprefix('Skipped: ')}", yellow=True)


@pytest.fixture(scope="session")
def compiler():
    """For tests of what is compiled: the native kernels are here."""
    from bench.execution import native

    if (reason := native.why_no_kernels()) is not None:
        _lacking(f"no native kernels: {reason}")


@pytest.fixture(scope="session")
def c_compiler():
    """For tests of generated C: a C compiler is here."""
    from bench.shipping.c.host import compiler

    if compiler() is None:
        _lacking("no C compiler here: apt-get install gcc")


@pytest.fixture(scope="session")
def boards():
    """For tests of microcontrollers: a cross-compiler and an emulator are here."""
    from bench.shipping.c.boards import board_of
    from bench.shipping.c.emulate import why_not

    if (reason := why_not(board_of("cortex-m4"))) is not None:
        _lacking(reason)


@pytest.fixture(scope="session")
def chromium():
    """The program of Chromium."""
    names = ("chromium", "chromium-browser", "google-chrome")
    if (browser := next(filter(None, map(shutil.which, names)), None)) is None:
        _lacking("no Chromium here: apt-get install chromium")
    return browser


@pytest.fixture(scope="session")
def look(chromium):
    """Gives a page's elements after its script has run, as Chromium sees them from disk: `look(page, width=1200)`."""

    def look(page, width=1200):
        return subprocess.run(
            [
                chromium, "--headless=new", "--no-sandbox", "--disable-gpu", f"--window-size={width},900",
                "--virtual-time-budget=4000", "--dump-dom", f"file://{page}",
            ],
            capture_output=True, text=True, timeout=60, check=True,
        ).stdout  # fmt: skip

    return look


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
    """Makes sound records without training: `made(seed, method=..., right=...)`, as a run writes them today."""
    from tests.bench.made import make

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
    from tests.bench.edited import sending, slower, values_of

    def save(home, seed=0, last=4e-3, payload=16.0):
        folder = traced(home, seed)
        path = home / "records" / folder.relative_to(home / "runs").with_suffix(".json")
        told = values_of(path)
        told["exits"][1]["readings"]["latency"].update(value=last, low=last, high=last)
        slower(last / 1e-3, "cuts", "walks")(told)
        sending(payload)(told)
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


@pytest.fixture(scope="session")
def deployed(traced):
    """Deploys a made network as `seesaw deploy` does: `deployed(home, seed, ...)` gives an unwritten deployment record."""
    from bench.records.store import Store
    from tests.bench.crossed import made_crossings
    from tests.bench.deployed import deploy

    def play(home, seed=0, right=(160, 180), **asked):
        folder = traced(home, seed, right=right)
        made_crossings(folder / "crossings.safetensors", right)
        return deploy(folder, Store(home / "records", home / "runs"), **asked)

    return play
