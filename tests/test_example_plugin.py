"""A third-party distribution, really built, installed and used, in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.edited import values_of

SOURCE = Path(__file__).parent / "example_plugin"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder that the example plugin is installed into, as a stranger's package would be."""
    copy = tmp_path_factory.mktemp("source")
    for path in SOURCE.glob("*.*"):
        (copy / path.name).write_text(path.read_text())
    target = tmp_path_factory.mktemp("site")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
    ]
    subprocess.run([*pip, "--target", str(target), str(copy)], check=True)
    return target


def seesaw(site, cwd, *words, check=True):
    environment = os.environ | {"PYTHONPATH": str(site), "COLUMNS": "120"}
    command = [sys.executable, "-m", "seesaw", *words]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=check)


def test_it_is_listed_with_its_settings(site, tmp_path):
    listed = seesaw(site, tmp_path, "list", "method").stdout
    assert "hashed" in listed
    assert "density=0.25" in listed


def test_it_conforms_and_runs_and_its_record_names_its_distribution(site, tmp_path):
    checked = seesaw(site, tmp_path, "check", "hashed").stdout
    assert "hashed conforms (method, example-plugin 1.2.3)" in checked
    words = ["run", "--task", "blobs", "--model", "mlp_hashed[density=0.5]", "--meters", "macs,storage"]
    ran = seesaw(site, tmp_path, *words).stdout
    assert "mlp_hashed[density=0.5]" in ran
    (record,) = tmp_path.glob("results/records/blobs-v1/mlp_hashed-*/seed0.json")
    assert '"origin": "example-plugin 1.2.3"' in json.dumps(values_of(record))


def test_contributing_shows_it_whole():
    text = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text()
    assert (SOURCE / "example_plugin.py").read_text().strip() in text
