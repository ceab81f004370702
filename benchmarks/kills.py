"""Kills runs at random moments, lets the same command go on, and holds the end against an unbroken run.

    python benchmarks/kills.py --runs 50

Every run is killed (SIGKILL) once or several times at moments drawn over its whole life, from the first import to
the last write. In the end its record must be that of the unbroken run, number for number but for times, its packed
weights the same bytes, and nothing half-written may lie about.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import load

COMMAND = [
    "run",
    "--task",
    "blobs",
    "--model",
    "resnet[depth=8]_pruned[density=0.25]",
    "--exits",
    "frozen",
    "--epochs",
    "12",
    "--threads",
    "1",
    "--meters",
    "macs,storage",
    "--codecs",
    "int8",
]


def start(folder: Path) -> subprocess.Popen[bytes]:
    """The command, in a folder of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "bench", *COMMAND],
        cwd=folder,
        env=os.environ
        | {"WANDB_MODE": "disabled", "PYTHONPATH": str(Path(__file__).resolve().parent.parent)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def finish(process: subprocess.Popen[bytes]) -> str:
    """Wait for the end; what it complained of, if it failed."""
    _, complaint = process.communicate()
    return complaint.decode() if process.returncode else ""


def kill_some(folder: Path, draw: random.Random, life: float) -> tuple[int, float]:
    """Kill the command once to three times, at moments drawn over its life.

    Returns:
        Kills, and the life as it has proved to be: a machine may grow faster, and a run end before its kill.
    """
    kills, wanted = 0, draw.choice((1, 1, 1, 2, 3))
    while kills < wanted:
        begun, process = time.monotonic(), start(folder)
        try:
            process.wait(draw.uniform(0.2, 1.0) * life)
        except subprocess.TimeoutExpired:
            process.kill()
            kills += 1
        process.communicate()
        if process.returncode == 0 and kills:
            break
        if process.returncode == 0:
            life = min(life, time.monotonic() - begun)
            shutil.rmtree(folder)
            folder.mkdir()
    return kills, life


def outcome(folder: Path) -> tuple[dict[str, object], bytes]:
    """The numbers of the one record, and the one packed network."""
    (record,) = folder.glob("results/records/*/*/seed0.json")
    (weights,) = folder.glob("runs/*/*/seed0/weights.safetensors")
    return load(record).untimed(), weights.read_bytes()


def left_over(folder: Path) -> list[str]:
    """Whatever a finished run should not have left."""
    found = [p for p in folder.rglob("*") if p.is_file()]
    return [str(p.relative_to(folder)) for p in found if p.name.startswith("call") or p.suffix == ".part"]


def main() -> None:
    """Kill, go on, compare; exit 1 where any run differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    draw = random.Random(asked.seed)
    with tempfile.TemporaryDirectory() as top:
        whole = Path(top) / "whole"
        whole.mkdir()
        begun = time.monotonic()
        if trouble := finish(start(whole)):
            sys.exit(trouble)
        life = time.monotonic() - begun
        expected = outcome(whole)
        print(f"An unbroken run takes {life:.1f} s; killing {asked.runs} runs.", flush=True)
        kills, wrong, resumed = 0, [], 0
        for number in range(asked.runs):
            folder = Path(top) / f"run{number}"
            folder.mkdir()
            more, life = kill_some(folder, draw, life)
            kills += more
            resumed += any(folder.glob("runs/*/*/seed0/checkpoints/call*"))
            trouble = finish(start(folder))
            if trouble:
                wrong.append(f"run {number}: {trouble.strip()}")
            elif outcome(folder) != expected:
                wrong.append(f"run {number}: another record or other weights")
            elif rest := left_over(folder):
                wrong.append(f"run {number}: left {rest}")
            mine = [sentence for sentence in wrong if sentence.startswith(f"run {number}:")]
            print(mine[0] if mine else f"run {number}: same", flush=True)
    print(f"{asked.runs} runs, {kills} kills, {resumed} went on from a checkpoint, {len(wrong)} wrong.")
    for sentence in wrong:
        print(sentence)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
