"""Benchmarks are run by hand; that they start is held here."""

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
SCRIPTS = sorted(path for path in FOLDER.glob("*.py") if path.stem != "jobs")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_benchmark_starts_and_says_how_it_is_run(script):
    done = subprocess.run([sys.executable, script, "--help"], check=True, capture_output=True, text=True)
    assert "--help" in done.stdout
