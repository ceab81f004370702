"""Engines: the runtimes that people would run a dense network in, each one a way like any other.

They take a part as ONNX, with the shape of the batch that they will run, and must give the part's own outputs.
`torch.compile` is none of them: compiling takes longer than a cell may be measured for.
"""

from __future__ import annotations

import ctypes
import io
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from bench.execution.backends import Ready, Runnable, Way
from bench.execution.chain.chain import LEAST, TOLERANCE
from bench.network.net import Part

ENGINES = "SEESAW_ENGINES"
"""The variable of the environment that leaves them out when it is 0."""


STDOUT = 1
"""The number of the standard output, as C has it."""


class Differs(Exception):
    """An engine's outputs are not the part's."""


class _Listed(nn.Module):
    """A part whose `forward` gives all outputs."""

    def __init__(self, part: Part) -> None:
        super().__init__()
        self.part = part

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.part.run(x))


class _EvenPools(TorchFunctionMode):
    """Adaptive means that ONNX has no operator for, as products with the matrices that take them: rows and columns apart."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is F.adaptive_avg_pool2d:
            x, size = args[0], args[1] if len(args) > 1 else (kwargs or {})["output_size"]
            wanted = (size, size) if isinstance(size, int) else tuple(size)
            heights, widths = (
                (int(n), int(n if m is None else m)) for n, m in zip(x.shape[-2:], wanted, strict=True)
            )
            if heights[0] % heights[1] or widths[0] % widths[1]:
                return means(*heights).to(x) @ x @ means(*widths).t().to(x)
        return func(*args, **(kwargs or {}))


@contextmanager
def _unprinted() -> Iterator[None]:
    """The exporter prints the whole graph where it fails, from C++ and whatever it is asked: meanwhile that goes nowhere."""
    flush = ctypes.CDLL(None).fflush
    flush(None)
    own, nowhere = os.dup(STDOUT), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, STDOUT)
    try:
        yield
    finally:
        flush(None)
        os.dup2(own, STDOUT)
        os.close(own)
        os.close(nowhere)


def means(numbers: int, bins: int) -> Tensor:
    """The matrix (bins, numbers) that takes adaptive means: bin i from floor(i n / b) up to ceil((i + 1) n / b)."""
    matrix = torch.zeros(bins, numbers)
    for number in range(bins):
        first, end = number * numbers // bins, -(-(number + 1) * numbers // bins)
        matrix[number, first:end] = 1 / (end - first)
    return matrix


class _Models:
    """Parts of one network as ONNX, each written once for all engines."""

    def __init__(self) -> None:
        self.made: dict[tuple[int, int], bytes] = {}

    def model(self, part: Part, x: Tensor) -> bytes:
        """A part for batches of exactly this shape."""
        key = part.start, part.stop
        if key not in self.made:
            file = io.BytesIO()
            with (
                torch.inference_mode(False),
                torch.no_grad(),
                _EvenPools(),
                _unprinted(),
                warnings.catch_warnings(),
            ):
                warnings.simplefilter("ignore")  # the exporter without a compiler: 0.3 s instead of 8
                torch.onnx.export(
                    _Listed(part).eval(),
                    (x.clone(),),
                    cast(Any, file),
                    dynamo=False,
                    input_names=["x"],
                    verbose=False,
                )
            self.made[key] = file.getvalue()
        return self.made[key]


def _onnx_runtime(model: bytes, threads: int) -> Runnable:
    import onnxruntime  # pyright: ignore[reportMissingImports]  an extra

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda x: [torch.from_numpy(one) for one in session.run(None, {name: x.numpy()})]


def _openvino(model: bytes, threads: int) -> Runnable:
    import openvino  # pyright: ignore[reportMissingImports]  an extra

    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        "ENABLE_CPU_PINNING": False,  # a thread bound to one core waits there for other programs
        "INFERENCE_PRECISION_HINT": "f32",  # left open, it computes in bfloat16 where the processor can
    }
    core = openvino.Core()
    request = core.compile_model(core.read_model(model), "CPU", settings).create_infer_request()

    def run(x: Tensor) -> list[Tensor]:
        outputs = request.infer([x.numpy()], share_inputs=True, share_outputs=True)
        return [torch.from_numpy(outputs[number].copy()) for number in range(len(outputs))]

    return run


def _version(module: str) -> str:
    """The version of an installed engine, imported now.

    Raises:
        ImportError: it is not here, or does not load.
    """
    version = str(__import__(module).__version__)
    return version.partition("-")[0]


_ALL: dict[str, tuple[str, Callable[[bytes, int], Runnable]]] = {
    "ONNX Runtime": ("onnxruntime", _onnx_runtime),
    "OpenVINO": ("openvino", _openvino),
}
"""By name: the module that brings an engine, and what makes a runnable of a model for so many threads."""


def engines_of(part: Part, x: Tensor) -> tuple[Ready, dict[str, str]]:
    """The engines that run a part here, each with its runnable for batches of x's shape; the others, each with the reason.

    Args:
        part: in eval mode. The ways may prepare other parts of the same network, too.
        x: a batch of its inputs.
    """
    if os.environ.get(ENGINES) == "0":
        return [], dict.fromkeys(_ALL, f"{ENGINES}=0 leaves it out")
    if x.device.type != "cpu":
        return [], dict.fromkeys(_ALL, f"compared on the CPU alone, not on {x.device.type}")
    models, ready, reasons = _Models(), Ready(), dict[str, str]()
    for name, (module, make) in _ALL.items():
        try:
            way = Way(f"{name} {_version(module)}", partial(_prepared, models, make))
            ready.append((way, way.prepare(part, x)))
        except ModuleNotFoundError:
            reasons[name] = "not installed"
        except Exception as error:  # errors of the exporter and of engines have no common base
            reasons[name] = f"does not run it ({_first_line(error)})"
    return ready, reasons


def _prepared(models: _Models, make: Callable[[bytes, int], Runnable], part: Part, x: Tensor) -> Runnable:
    """A part in an engine, once its outputs are the part's own.

    Raises:
        Differs: they are not.
        Exception: the part cannot be written as ONNX, or the engine does not take it.
    """
    run = make(models.model(part, x), torch.get_num_threads())
    with torch.no_grad():
        for ours, theirs in zip(run(x), part.run(x), strict=True):
            off = float((ours - theirs).abs().max() / theirs.abs().max().clamp(min=LEAST))
            if not off < TOLERANCE:
                raise Differs(f"its outputs differ by {off:.2g}")
    return run


def _first_line(error: Any) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:200]
