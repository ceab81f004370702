"""What `execution.py --peers` times: networks at 12.5% of the weights beside the engines that people would use instead.

A peer runs the dense network (DeepSparse, which is made for sparse ones, the sparse network), prepared for the one batch. Ours is
the fastest chain, in float32 and in int8. All are called in turn; a cell is the median over the rounds of the peer's time over
ours, of the processor, and behind a stroke of the wall. Peers' threads stop spinning between calls where they can be told to.

Fewer instructions than this machine's: `SEESAW_TARGET=x86-64-v3` for ours, and for the others `ATEN_CPU_CAPABILITY=avx2`,
`MKL_ENABLE_INSTRUCTIONS=AVX2`, `ONEDNN_MAX_CPU_ISA=AVX2` and `NM_ARCH=avx2`. ONNX Runtime cannot be told, and then has more than ours.
"""

import copy
import json
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from int8 import Logits, built
from jobs import DEGREE, SEED, SHARED, chains, macs, off
from rich import box
from rich.table import Table
from torch import Tensor

from bench import Method, Net, Sample, block_widths, choose, hide, layers, parameters
from bench.execution.int8.chain import int_chained, quantised_part

SHORT = 2e-3
"""Seconds that a form is called again and again for one timing."""
OLDER = 13
"""The operators' version that DeepSparse 1.8 reads."""
MAGNITUDE = "magnitude"
PEERS = ("PyTorch", "ONNX Runtime", "ONNX Runtime int8", "OpenVINO", "DeepSparse")
Call = Callable[[], tuple[float, float]]
"""Calls something for some milliseconds; gives the processor's and the wall's seconds of one call."""


@dataclass(frozen=True)
class Row:
    """A network, and its peers' times over ours that are to be reached, from a trial on a processor of AVX2, in the order of `PEERS`."""

    name: str
    spec: str
    sample: Sample
    pattern: str
    batch: int
    targets: tuple[float | None, ...]


MLP, IMAGE = Sample((1, 28, 28)), Sample((3, 32, 32))
ROWS = (
    Row("mlp 784-1024-1024-10 shared", "mlp[widths=1024:1024]", MLP, SHARED, 1, (17, 8.8, 2.5, 14, 8.9)),
    Row("mlp 784-1024-1024-10 shared", "mlp[widths=1024:1024]", MLP, SHARED, 128, (5.4, 4.6, 2.3, 5.0, 1.4)),
    Row("mlp 784-1024-1024-10 sparse", "mlp[widths=1024:1024]", MLP, DEGREE, 1, (3.9, 2.3, 1.0, 3.0, 2.5)),
    Row(
        "mlp 784-1024-1024-10 sparse", "mlp[widths=1024:1024]", MLP, DEGREE, 128, (None, None, 1.0, 1.0, 1.0)
    ),
    Row("resnet18 shared", "resnet18", IMAGE, SHARED, 1, (5.2, 2.9, 1.6, 2.8, 2.7)),
    Row("resnet18 shared", "resnet18", IMAGE, SHARED, 16, (None, None, 1.0, 1.0, 1.0)),
    Row("resnet18 magnitude", "resnet18", IMAGE, MAGNITUDE, 1, (3.4, 2.3, 1.1, 2.2, 3.2)),
    Row("resnet18 sparse", "resnet18", IMAGE, DEGREE, 16, (3.7, 3.2, 1.2, 2.7, 1.0)),
    Row("mobilenet sparse", "mobilenet", IMAGE, DEGREE, 1, (2.1, 1.0, 1.0, 1.0, 1.5)),
)
"""Where the issue's own figure is below 1, or it has none, the target is the one it sets for all rows: faster than int8, OpenVINO
and DeepSparse; mobilenet at least as fast as ONNX Runtime."""


def sparse(dense: Net, pattern: str, density: float) -> Net:
    """A copy of a network with so many of its weights."""
    net = copy.deepcopy(dense)
    if pattern != MAGNITUDE:
        choose(Method, pattern.format(f"density={density},nearest=true")).plugin.prepare(net, SEED)
        return net
    for layer in layers(net).values():
        sizes = layer.weight.detach().abs()
        hide(layer, sizes >= sizes.flatten().kthvalue(max(1, round((1 - density) * sizes.numel()))).values)
    return net


def here(run: Callable[[], object]) -> Call:
    """The time of a function of this process."""

    def call() -> tuple[float, float]:
        begun = time.perf_counter()
        run()
        calls = max(1, int(SHORT / (time.perf_counter() - begun)))
        begun, busy = time.perf_counter(), time.process_time()
        for _ in range(calls):
            run()
        return (time.process_time() - busy) / calls, (time.perf_counter() - begun) / calls

    return call


def exported(net: Net, x: Tensor, path: Path, opset: int = 17) -> Path:
    """A network as ONNX, for batches like x."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Logits(net).eval(), (x,), str(path), dynamo=False, input_names=["x"], opset_version=opset
        )
    return path


def quantised(model: Path, samples: Tensor, batch: int) -> Path:
    """A model of ONNX in int8, as ONNX Runtime's own tools make it: static, a scale for each output."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Samples(CalibrationDataReader):
        def __init__(self) -> None:
            self.left = [{"x": one.numpy()} for one in samples.split(batch) if len(one) == batch]

        def get_next(self) -> dict | None:
            return self.left.pop() if self.left else None

    path = model.with_name("int8.onnx")
    quantize_static(
        model, path, Samples(), QuantFormat.QDQ, per_channel=True, activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )  # fmt: skip
    return path


def onnx_runtime(model: Path, x: Tensor, threads: int) -> Callable[[], Tensor]:
    """A model in ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = threads, 1, 3
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    return lambda: torch.from_numpy(session.run(None, {"x": x.numpy()})[0])


def openvino(model: Path, x: Tensor, threads: int) -> Callable[[], Tensor]:
    """A model in OpenVINO, in float32."""
    import openvino

    core = openvino.Core()
    settings = {
        "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "ENABLE_CPU_PINNING": False,
        "INFERENCE_PRECISION_HINT": "f32",
    }  # fmt: skip
    request = core.compile_model(core.read_model(str(model)), "CPU", settings).create_infer_request()
    return lambda: torch.from_numpy(request.infer([x.numpy()], share_inputs=True, share_outputs=True)[0])


DEEPSPARSE = """
import json, sys, time
import numpy as np
from deepsparse import Engine
model, batch, threads, short = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
engine = Engine(model, batch_size=batch, num_cores=threads)
x = [np.load(sys.argv[5])]
out = engine.run(x)[0]
print(json.dumps([float(n) for n in out.reshape(-1)[:1000]]), flush=True)
for _ in sys.stdin:
    begun = time.perf_counter()
    engine.run(x)
    calls = max(1, int(short / (time.perf_counter() - begun)))
    begun, busy = time.perf_counter(), time.process_time()
    for _ in range(calls):
        engine.run(x)
    print(json.dumps([(time.process_time() - busy) / calls, (time.perf_counter() - begun) / calls]), flush=True)
"""
"""A process of an environment of its own, since DeepSparse 1.8 asks for older packages: a line in, a timing out."""


def deepsparse(python: str, model: Path, x: Tensor, threads: int) -> tuple[Call, Tensor, subprocess.Popen]:
    """A model in DeepSparse; its process must be ended.

    Raises:
        RuntimeError: it does not run there.
    """
    import numpy as np

    np.save(model.with_suffix(".npy"), x.numpy())
    words = [
        python,
        "-c",
        DEEPSPARSE,
        str(model),
        str(len(x)),
        str(threads),
        str(SHORT),
        str(model.with_suffix(".npy")),
    ]
    process = subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def answer() -> list[float]:
        while line := process.stdout.readline():
            if line.startswith("["):
                return json.loads(line)
        process.wait()
        said = process.stderr.read().strip().splitlines() if process.stderr else []
        raise RuntimeError(said[-1] if said else "DeepSparse ended without a word")

    try:
        first = torch.tensor(answer())
    except RuntimeError:
        ended(process)
        raise

    def call() -> tuple[float, float]:
        process.stdin.write("go\n")
        process.stdin.flush()
        own, wall = answer()
        return own, wall

    return call, first, process


def ended(process: subprocess.Popen) -> None:
    """End a process of ours."""
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
    process.kill()
    process.wait()


@dataclass
class Timed:
    """Everything of one row that is called in turn."""

    calls: dict[str, list[Call]] = field(default_factory=dict)
    """by name, the forms of each: the fastest counts"""
    reasons: dict[str, str] = field(default_factory=dict)
    """of peers that are not there or do not run it"""
    processes: list[subprocess.Popen] = field(default_factory=list)


def prepared(row: Row, density: float, threads: int, python: str | None, folder: Path) -> tuple[Timed, Net]:
    """A row's calls, once the outputs of peers are those of the network that they run."""
    torch.manual_seed(0)
    dense = built(row.spec, row.sample)
    net = sparse(dense, row.pattern, density)
    x, samples = torch.randn(row.batch, *row.sample.shape), torch.randn(max(64, row.batch), *row.sample.shape)
    timed, whole = Timed(), net.whole()
    program = quantised_part(whole, samples)
    wholes = [int_chained(whole, program, lanes=lanes) for lanes in block_widths(row.batch)]
    floats = chains(net, net, x)
    timed.calls["float32"] = [here(run) for run in floats]
    timed.calls["int8"] = [here(lambda run=run: run(x)) for run in wholes]
    forms = [here(lambda: dense(x))]
    if len(row.sample.shape) == 3:
        last, inputs = (
            copy.deepcopy(dense).to(memory_format=torch.channels_last),
            x.contiguous(memory_format=torch.channels_last),
        )
        forms.append(here(lambda: last(inputs)))
    timed.calls["PyTorch"] = forms
    model = exported(dense, x, folder / "dense.onnx")
    makers: dict[str, Callable[[], Callable[[], Tensor]]] = {
        "ONNX Runtime": lambda: onnx_runtime(model, x, threads),
        "ONNX Runtime int8": lambda: onnx_runtime(quantised(model, samples, row.batch), x, threads),
        "OpenVINO": lambda: openvino(model, x, threads),
    }
    for name, make in makers.items():
        try:
            run = make()
            _same(name, run(), dense(x)[-1], 0.5 if "int8" in name else 1e-3)
            timed.calls[name] = [here(run)]
        except ImportError:
            timed.reasons[name] = "not installed"
        except Exception as error:  # engines' errors have no common base
            timed.reasons[name] = str(error).splitlines()[0][:150]
    if python is None:
        timed.reasons["DeepSparse"] = "no environment named (--deepsparse)"
        return timed, net
    try:
        call, first, process = deepsparse(python, exported(net, x, folder / "sparse.onnx", OLDER), x, threads)
        timed.processes.append(process)
        _same("DeepSparse", first, net(x)[-1].reshape(-1)[:1000], 1e-3)
        timed.calls["DeepSparse"] = [call]
    except (OSError, RuntimeError) as error:
        timed.reasons["DeepSparse"] = str(error)[:150]
    return timed, net


def _same(name: str, ours: Tensor, theirs: Tensor, most: float) -> None:
    if not (error := off(ours.reshape(-1), theirs.reshape(-1))) < most:
        raise RuntimeError(f"the outputs of {name} differ by {error:.2g}")


def in_turn(timed: Timed, rounds: int) -> dict[str, list[tuple[float, float]]]:
    """By name, processor's and wall's seconds of every round, of the form whose shortest is shortest."""
    taken: dict[str, list[list[tuple[float, float]]]] = {
        name: [[] for _ in forms] for name, forms in timed.calls.items()
    }
    for number in range(rounds + 1):
        for name, forms in timed.calls.items():
            for form, own in zip(forms, taken[name], strict=True):
                one = form()
                if number:  # the first round warms
                    own.append(one)
    return {name: min(forms, key=min) for name, forms in taken.items()}


@dataclass
class Rooflines:
    """What the machine can do at most: products a second in float32 and int8, and bytes from memory."""

    floats: float
    whole: float
    memory: float
    cache: float

    def seconds(self, net: Net, batch: int) -> tuple[float, float]:
        """The least time of the packed network in float32 and in int8: products, or weights and inputs that must be read.

        Lists of places are left out, which a free pattern must read beside its weights.
        """
        products, weights = macs(net) * batch, parameters(net)
        near = self.cache if weights * 4 < 1 << 20 else self.memory
        return max(products / self.floats, 4 * weights / near), max(products / self.whole, weights / near)


def rooflines(macs_a_second: float, cache: float, memory: float) -> Rooflines:
    """Measured now: the int8 product is PyTorch's own."""
    a = torch.randint(-127, 128, (1024, 1024), dtype=torch.int8)
    b = torch.randint(-127, 128, (1024, 1024), dtype=torch.int8)
    best = min(here(lambda: torch._int_mm(a, b))()[1] for _ in range(5))
    return Rooflines(macs_a_second, max(1024**3 / best, macs_a_second), memory, cache)


def table_of(
    limits: Rooflines, threads: int, rounds: int, density: float, only: str, python: str | None
) -> tuple[Table, list[str]]:
    """The table for so many threads; and why peers are missing in it."""
    columns = ("network", "batch", "float32", "int8", *PEERS, "limit", "limit int8")
    table, missing = Table(*columns, box=box.MARKDOWN), dict[str, list[str]]()
    for row in ROWS:
        if only not in f"{row.name}, batch {row.batch}":
            continue
        with tempfile.TemporaryDirectory() as folder, torch.no_grad():
            timed, net = prepared(row, density, threads, python, Path(folder))
            try:
                taken = in_turn(timed, rounds)
            finally:
                for process in timed.processes:
                    ended(process)
            least = limits.seconds(net, row.batch)
        median = {name: statistics.median(wall for _, wall in own) for name, own in taken.items()}
        shortest = {name: min(wall for _, wall in own) for name, own in taken.items()}
        cells = [_over(taken, median, name, target) for name, target in zip(PEERS, row.targets, strict=True)]
        limit = [
            f"{shortest[name] / own:.1f} x" for name, own in zip(("float32", "int8"), least, strict=True)
        ]
        table.add_row(
            row.name, str(row.batch), *(f"{min(taken[name])[0] * 1e6:.0f} us" for name in ("float32", "int8")), *cells, *limit
        )  # fmt: skip
        for name, why in timed.reasons.items():
            missing.setdefault(f"{name}: {why}", []).append(f"{row.name}, batch {row.batch}")
        print(f"{row.name}, batch {row.batch}: measured", file=sys.stderr)
    return table, [f"{why} ({'; '.join(rows)})" for why, rows in missing.items()]


def _over(
    taken: dict[str, list[tuple[float, float]]], median: dict[str, float], name: str, target: float | None
) -> str:
    """A peer's time over that of the fastest of ours, of the processor and of the wall; over float32 alone behind it."""
    if name not in taken:
        return "-"
    ours = min(("float32", "int8"), key=lambda one: median[one])
    ratios = [
        [
            statistics.median(a[clock] / b[clock] for a, b in zip(taken[name], taken[own], strict=True))
            for clock in (0, 1)
        ]
        for own in (ours, "float32")
    ]
    like = ratios[0] if "int8" in name else ratios[1]  # float32 is held against float32
    told = "" if target is None else f" ({target:g}{'' if like[0] >= target else ' missed'})"
    return f"{like[0]:.1f} / {like[1]:.1f}{told}"
