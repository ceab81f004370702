"""Whole numbers of eight bits on the clock: sparse chains beside their float32, and beside ONNX Runtime's dense int8.

    python benchmarks/int8.py [--rounds 15] [--only mlp]

Random weights; scales are set by 64 random samples. ONNX Runtime has the dense network: in float32, and quantised as its own
tools do (static, a scale for each output, unsigned activations). Everything is called in turn, and
the shortest of the rounds counts, in microseconds of the processor, since other programs only add. "Off" is the largest
difference of int8 from float32, over the largest logit; the accuracy behind it is the user's to measure.
"""

import argparse
import copy
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from jobs import DEGREE, SEED, SHARED
from rich import box
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from bench import Backbone, Method, Net, Sample, block_widths, chain_of, choose, conditions, why_no_kernels
from bench.execution.int8.chain import int_chained, quantised_part
from bench.execution.native import classes
from bench.machine import settle

SHORT = 2e-3
"""Seconds that a form is called again and again for one timing."""
ROWS = {
    "mlp 784-1024-1024-10, shared": ("mlp[widths=1024:1024]", Sample((1, 28, 28)), SHARED),
    "mlp 784-1024-1024-10, sparse": ("mlp[widths=1024:1024]", Sample((1, 28, 28)), DEGREE),
    "resnet18, shared": ("resnet18", Sample((3, 32, 32)), SHARED),
    "resnet18, sparse": ("resnet18", Sample((3, 32, 32)), DEGREE),
    "mobilenet, sparse": ("mobilenet", Sample((3, 32, 32)), DEGREE),
}


def built(spec: str, sample: Sample) -> Net:
    """A network with one exit."""
    backbone = choose(Backbone, spec).plugin
    net = Net(backbone.stages(sample), sample, 10)
    net.hang(len(net.stages) - 1, backbone.head(net.shapes[-1], 10))
    return net.eval()


class Logits(nn.Module):
    """The logits of a network's last exit alone."""

    def __init__(self, net: Net) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)[-1]


def engine(net: Net, x: Tensor, calibration: Tensor, threads: int, *, int8: bool) -> Callable[[], object]:
    """The dense network in ONNX Runtime."""
    import onnxruntime
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Samples(CalibrationDataReader):
        def __init__(self) -> None:
            self.left = [{"x": one.numpy()} for one in calibration.split(len(x)) if len(one) == len(x)]

        def get_next(self) -> dict | None:
            return self.left.pop() if self.left else None

    with tempfile.TemporaryDirectory() as folder:
        path, whole = Path(folder) / "dense.onnx", Path(folder) / "int8.onnx"
        torch.onnx.export(Logits(net).eval(), (x,), str(path), dynamo=False, input_names=["x"])
        if int8:
            quantize_static(
                path, whole, Samples(), QuantFormat.QDQ, per_channel=True, activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )  # fmt: skip
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = threads, 1, 3
        session = onnxruntime.InferenceSession(str(whole if int8 else path), options, providers=["CPUExecutionProvider"])  # fmt: skip
    return lambda: session.run(None, {"x": x.numpy()})


def measured(forms: list[Callable[[], object]], rounds: int) -> list[float]:
    """Microseconds of the processor of each form, at least, in turn."""
    times: list[list[float]] = [[] for _ in forms]
    for _ in range(rounds):
        for form, taken in zip(forms, times, strict=True):
            begun = time.perf_counter()
            form()
            calls = max(1, int(SHORT / (time.perf_counter() - begun)))
            begun = time.process_time()
            for _ in range(calls):
                form()
            taken.append((time.process_time() - begun) / calls * 1e6)
    return [min(taken) for taken in times]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--batches", default="1,128")
    parser.add_argument("--density", type=float, default=0.125)
    parser.add_argument("--only", default="", help="part of the names of rows")
    asked = parser.parse_args()
    if (reason := why_no_kernels()) is not None:
        raise SystemExit(f"There are no native kernels: {reason}.")
    settle(1)
    here = conditions(torch.device("cpu"))
    print(
        f"{here['processor']}, {getattr(classes(), 'whole_by', '')}, torch {torch.__version__}, 1 thread, density {asked.density:.1%}\n"
    )
    columns = (
        "network",
        "batch",
        "float32 chain",
        "int8 chain",
        "ONNX Runtime float32",
        "ONNX Runtime int8",
        "int8 / ours",
        "off",
    )
    table = Table(*columns, box=box.MARKDOWN)
    for name, (spec, sample, pattern) in ROWS.items():
        if asked.only not in name:
            continue
        torch.manual_seed(0)
        dense = built(spec, sample)
        net = copy.deepcopy(dense)
        choose(Method, pattern.format(f"density={asked.density},nearest=true")).plugin.prepare(net, SEED)
        for batch in map(int, asked.batches.split(",")):
            x, calibration = torch.randn(batch, *sample.shape), torch.randn(max(64, batch), *sample.shape)
            program = quantised_part(net.whole(), calibration)
            floats = [chain_of(net, net, x[:1], lanes) for lanes in block_widths(batch, images=x.ndim == 4)]
            wholes = [int_chained(net.whole(), program, lanes=lanes) for lanes in block_widths(batch)]
            ours, theirs = wholes[0](x)[0], floats[0](x)[0]
            forms: list[Callable[[], object]] = [partial(c, x) for c in (*floats, *wholes)]
            forms += [engine(dense, x, calibration, 1, int8=int8) for int8 in (False, True)]
            with torch.no_grad():
                took = measured(forms, asked.rounds)
            whole, own = min(took[: len(floats)]), min(took[len(floats) : -2])
            off = float((ours - theirs).abs().max() / theirs.abs().max())
            numbers = [f"{one:.0f} us" for one in (whole, own, *took[-2:])]
            table.add_row(name, str(batch), *numbers, f"{took[-1] / own:.1f} x", f"{off:.1%}")
    Console(width=190).print(table)


if __name__ == "__main__":
    main()
