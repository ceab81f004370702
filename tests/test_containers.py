"""Container files copy what there is, and their examples run commands with options that there are.

No container engine runs in tests: that the images build is not held here.
"""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.docs.test_blocks import check

TOP = Path(__file__).parents[1]
WITHOUT_NUMBA = """import sys
sys.modules["numba"] = None
from bench.cli import main
main()"""
SIDES = [TOP / "containers" / f"{side}.Containerfile" for side in ("device", "server")]


def test_each_service_of_the_example_runs_a_command_of_seesaw():
    services = yaml.safe_load((TOP / "containers/docker-compose.yml").read_text())["services"]
    assert set(services) == {"device", "link", "server"}
    for one in services.values():
        check(one["command"])
        if "build" in one:
            assert (TOP / one["build"]["dockerfile"]).is_file()


@pytest.mark.parametrize("path", SIDES, ids=lambda path: path.stem)
def test_a_side_copies_files_that_exist_and_is_without_the_laboratory(path):
    text = path.read_text()
    lines = [
        line.split()[1:] for line in text.splitlines() if line.startswith("COPY ") and "--from" not in line
    ]
    assert all((TOP / name).exists() for words in lines for name in words[:-1])
    assert "--extra serve" in text
    assert "--extra lab" not in text


def test_the_image_that_runs_the_link_has_what_a_link_needs():
    services = yaml.safe_load((TOP / "containers/docker-compose.yml").read_text())["services"]
    (runs,) = {services["link"]["image"]}
    (built,) = [
        one["build"]["dockerfile"] for one in services.values() if "build" in one and one["image"] == runs
    ]
    assert "--extra link" in (TOP / built).read_text()
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_NUMBA, "link", "--to", "localhost:1"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "A shaped link needs numba. Install it" in " ".join(done.stderr.split())
    assert "seesaw-bench[link]" in done.stderr


@pytest.mark.parametrize("path", SIDES, ids=lambda path: path.stem)
def test_the_command_in_the_head_of_a_file_has_options_that_there_are(path):
    (line,) = [line for line in path.read_text().splitlines() if line.startswith("# Run: ")]
    words = shlex.split(line)
    check(words[words.index(f"seesaw-{path.stem}") + 1 :])
