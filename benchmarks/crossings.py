"""Seconds of sending a test split through twenty codecs at every cut of a trained network.

    python benchmarks/crossings.py results/records/cifar100-v1/resnet_dense-581ffbc2d804/seed0.json --data data

The record names a network whose weights lie in the folder of its run. What is timed is what a run does in its phase `cuts`: samples of the
test split are sent through every codec at every cut until their number tells what each codec costs, and the server's part answers what
arrived. Target: fewer than 215 s for twenty codecs, which three codecs once took on CIFAR-100 at ten cuts.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import torch

from bench import SeesawError
from bench.machine import processor, settle
from bench.measuring.crossings import codecs_at, crossings
from bench.measuring.passes import Passes
from bench.measuring.tracing import trace
from bench.records.record import Record
from bench.records.store import Store
from bench.runs.request import ResolvedRun, RunRequest
from bench.runs.trained import network_of

CODECS = (
    "float32", "float16", "bfloat16", "bitmap", "int8", "uint", "uint[per=channel]", "uint[bits=6]", "uint[bits=4]", "uint[bits=2]",
    "uint[bits=1]", "float16[through=zstd]", "float16[through=lz4]", "uint[through=zstd]", "uint[through=lz4]",
    "uint[bits=4,through=zstd]", "uint[bits=2,through=zstd]", "bitmap[through=zstd]", "jpeg", "webp",
)  # fmt: skip
TARGET = 215.0


def main() -> None:
    """Send, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("record", type=Path, nargs="?")
    parser.add_argument("--runs", type=Path, help="folder of runs; the one beside the records where left out")
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--codecs", nargs="+", default=list(CODECS))
    asked = parser.parse_args()
    if asked.record is None:
        print("It needs the record of a trained network: name it (--help).")
        return
    settle(1, deterministic=False)
    record = Record.read(asked.record)
    store = Store.around(asked.record, record, asked.runs or Path("runs"))
    request = RunRequest.of(record, records=store.records, runs=store.runs, data=asked.data)
    run = ResolvedRun.of(replace(request, codecs=tuple(asked.codecs)))
    trained = run.trained()
    if trained is None:
        raise SeesawError(
            f"The weights of {run.setup.model} are not below {store.runs}. Name --runs, or train it."
        )
    net, data = network_of(run, trained), run.splits()
    passes = Passes(net, run.device, len(data.test.labels))
    whole = trace(
        passes, data, data.test, torch.zeros(len(net.exits), dtype=torch.float64)
    )  # costs are not asked for
    begun, used = time.perf_counter(), time.process_time()
    by_cut = codecs_at(net, data.test, run.feature_codecs)
    sent = crossings(passes, data, data.test, whole, by_cut)
    spent, taken = time.process_time() - used, time.perf_counter() - begun
    pairs = [(len(one.payload), name) for by_codec in sent.sent.values() for name, one in by_codec.items()]
    print(
        f"{run.setup.model} on {run.task.spec}, {len(by_cut)} cuts, {len(run.feature_codecs)} codecs: {len(pairs)} pairs of a cut and a codec, "
        f"{min(pairs)[0]:,} to {max(pairs)[0]:,} of {len(data.test.labels):,} samples each\n"
        f"{spent:.0f} s of the processor, {taken:.0f} s of the clock, one thread (target: under {TARGET:.0f} s for twenty codecs "
        f"{'met' if spent < TARGET else 'missed'}), {processor()}"
    )


if __name__ == "__main__":
    main()
