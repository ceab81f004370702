"""TensorFlow Lite Micro beside our own code: the arena and the model's bytes of the same dense int8 networks, as its interpreter counts.

    pip install tflite-micro
    python benchmarks/interpreted.py [--out benchmarks/interpreted.md]

The networks are device_code.py's without early exits (TensorFlow Lite has none): MNIST's shape, dense, drawn weights, int8 by its
quantisation with a scale for each output. PyPI's package is its interpreter for this machine (x86-64), whose pointers have 8 bytes
where a microcontroller's have 4, so its persistent part is larger here than there. Flash of its code and instructions are not
measured: the package holds no source to compile for a board.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

ARENA = 1 << 20
"""Bytes that the interpreter is given; it says how many it takes."""


@dataclass
class Network:
    """A model of TensorFlow Lite under construction: int8, activations of scale 1/16, weights of 1/64."""

    schema: object
    tensors: list = field(default_factory=list)
    buffers: list = field(default_factory=list)
    operators: list = field(default_factory=list)
    codes: list = field(default_factory=list)

    def tensor(self, shape: Sequence[int], data: np.ndarray | None = None, channels: int = 1) -> int:
        """A tensor's number; with data it is constant, with a scale for each of its first dimension's channels."""
        s = self.schema
        if not self.buffers:
            self.buffers.append(s.BufferT())  # the first one is empty by convention
        buffer, one, scales = s.BufferT(), s.TensorT(), s.QuantizationParametersT()
        wide = data is not None and data.dtype == np.int32
        if data is not None:
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
        self.buffers.append(buffer)
        scales.scale = [1 / 1024 if wide else 1 / 16 if data is None else 1 / 64] * channels
        scales.zeroPoint = [0] * channels
        one.shape, one.buffer, one.quantization = list(shape), len(self.buffers) - 1, scales
        one.type = s.TensorType.INT32 if wide else s.TensorType.INT8
        self.tensors.append(one)
        return len(self.tensors) - 1

    def operator(
        self, name: str, kind: str, options: object, inputs: Sequence[int], shape: Sequence[int]
    ) -> int:
        """An operator of one output; the output's number."""
        s = self.schema
        code = s.OperatorCodeT()
        code.builtinCode = getattr(s.BuiltinOperator, name)
        code.deprecatedBuiltinCode, code.version = code.builtinCode, 1
        self.codes.append(code)
        one = s.OperatorT()
        one.opcodeIndex, one.inputs, one.outputs = len(self.codes) - 1, list(inputs), [self.tensor(shape)]
        one.builtinOptionsType, one.builtinOptions = getattr(s.BuiltinOptions, kind), options
        self.operators.append(one)
        return one.outputs[0]

    def weighted(
        self, name: str, kind: str, options: object, x: int, shape: Sequence[int], weights: Sequence[int]
    ) -> int:
        """A layer with drawn weights, a scale for each output, and a bias."""
        values = np.random.default_rng(0).integers(-127, 128, weights).astype(np.int8)
        own = [
            self.tensor(weights, values, weights[0]),
            self.tensor(weights[:1], np.zeros(weights[0], np.int32), weights[0]),
        ]
        return self.operator(name, kind, options, [x, *own], shape)

    def linear(self, x: int, inputs: int, outputs: int, *, relu: bool = True) -> int:
        """A fully connected layer."""
        options = self.schema.FullyConnectedOptionsT()
        options.fusedActivationFunction = int(relu)
        return self.weighted(
            "FULLY_CONNECTED", "FullyConnectedOptions", options, x, [1, outputs], [outputs, inputs]
        )

    def pooled(self, x: int, side: int, inputs: int, outputs: int) -> int:
        """A convolution of 5 x 5 and the largest of each window of 2 x 2."""
        s = self.schema
        conv, pool = s.Conv2DOptionsT(), s.Pool2DOptionsT()
        conv.padding = pool.padding = s.Padding.SAME
        conv.strideH = conv.strideW = conv.dilationHFactor = conv.dilationWFactor = 1
        conv.fusedActivationFunction = 1
        pool.strideH = pool.strideW = pool.filterHeight = pool.filterWidth = 2
        weights = [outputs, 5, 5, inputs]
        x = self.weighted("CONV_2D", "Conv2DOptions", conv, x, [1, side, side, outputs], weights)
        return self.operator("MAX_POOL_2D", "Pool2DOptions", pool, [x], [1, side // 2, side // 2, outputs])

    def model(self, x: int, y: int) -> bytes:
        """The whole as a file of TensorFlow Lite."""
        import flatbuffers

        s = self.schema
        graph, model = s.SubGraphT(), s.ModelT()
        graph.tensors, graph.operators, graph.inputs, graph.outputs = self.tensors, self.operators, [x], [y]
        model.version, model.subgraphs, model.buffers, model.operatorCodes = (
            3,
            [graph],
            self.buffers,
            self.codes,
        )
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def lenet(net: Network) -> bytes:
    """Our lenet, without early exits."""
    x = net.tensor([1, 28, 28, 1])
    y = net.pooled(net.pooled(x, 28, 1, 16), 14, 16, 32)
    options = net.schema.ReshapeOptionsT()
    options.newShape = [1, 1568]
    y = net.operator("RESHAPE", "ReshapeOptions", options, [y], [1, 1568])
    y = net.linear(net.linear(y, 1568, 128), 128, 96)
    return net.model(x, net.linear(y, 96, 10, relu=False))


def mlp(net: Network) -> bytes:
    """Our mlp, without early exits."""
    x = net.tensor([1, 784])
    y = net.linear(net.linear(x, 784, 256), 256, 256)
    return net.model(x, net.linear(y, 256, 10, relu=False))


NETWORKS = {"lenet": lenet, "mlp": mlp}


def run(name: str) -> None:
    """Run a network once, and print what the interpreter's recorder says of its arena."""
    from tflite_micro.python.tflite_micro import runtime
    from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

    model = NETWORKS[name](Network(schema))
    print("model", len(model), flush=True)
    interpreter = runtime.Interpreter.from_bytes(model, arena_size=ARENA)
    shape = [1, 28, 28, 1] if name == "lenet" else [1, 784]
    interpreter.set_input(np.ones(shape, np.int8), 0)
    interpreter.invoke()
    assert interpreter.get_output(0).shape == (1, 10)
    interpreter.print_allocations()


def measured(name: str) -> tuple[int, int, int]:
    """Bytes of a network's model, and of the arena: in all, and those that activations share.

    The recorder prints from C++, so the network runs in a process of its own.
    """
    done = subprocess.run(
        [sys.executable, __file__, "--run", name], capture_output=True, text=True, check=True
    )
    text = done.stdout + done.stderr
    model, total, head = (
        int(found[1])
        for pattern in (r"model (\d+)", r"allocation total (\d+)", r"allocation head (\d+)")
        if (found := re.search(pattern, text))
    )
    return model, total, head


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", choices=list(NETWORKS), help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help="a Markdown file for the table")
    options = parser.parse_args()
    if options.run:
        run(options.run)
        return
    try:
        release = version("tflite-micro")
    except PackageNotFoundError:
        print(
            "TensorFlow Lite Micro is not here, so nothing is measured. Install it: pip install tflite-micro."
        )
        return
    lines = [
        f"tflite-micro {release} on x86-64, dense int8, no early exits.\n",
        "| network | model | arena | of it activations |",
        "|---|---|---|---|",
    ]
    for name in NETWORKS:
        model, total, head = measured(name)
        lines.append(f"| {name} | {model:,} B | {total:,} B | {head:,} B |")
    text = "\n".join(lines) + "\n"
    print(text)
    if options.out:
        options.out.write_text(f"# TensorFlow Lite Micro\n\nBy `python benchmarks/interpreted.py`.\n\n{text}")


if __name__ == "__main__":
    main()
