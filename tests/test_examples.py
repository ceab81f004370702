"""The example builds and answers, on the host and on the emulated board, with a network whose weights are drawn."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bench.shipping.c.code import code_of
from tests.bench.execution.chain.test_chain import network

TOP = Path(__file__).parents[1]
EXAMPLE = TOP / "examples/digits"


@pytest.mark.usefixtures("c_compiler", "boards")
@pytest.mark.parametrize("values", ["float32", "int8"])
def test_digits_as_c_answer_alike_on_the_host_and_on_the_emulated_board(values, tmp_path):
    net = network("mlp[widths=32:24]", (1, 8, 8), "shared[nearest=true,outputs=4]")
    calibration = torch.rand(64, 1, 8, 8) if values == "int8" else None
    code = code_of(net.whole(), "digits", {"confidence": [0.2, 0.0]}, calibration)
    place = tmp_path / "shipped/network"
    place.mkdir(parents=True)
    (place / "model.h").write_text(code.header)
    (place / "model.c").write_text(code.source)
    made = subprocess.run(
        ["make", "-C", EXAMPLE, f"OUT={tmp_path}", f"PYTHON={sys.executable}", "SEESAW=false", "all", "small"],
        env=os.environ | {"PYTHONPATH": str(TOP)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert "warning" not in made.stderr
    assert "answer alike" in made.stdout
    assert f"of 10 right; the arena has {code.arena} bytes" in made.stdout
    assert len([line for line in made.stdout.splitlines() if line.startswith("a ")]) == 10
