"""`seesaw serve`, `link`, `device` and `certs` as processes, as one would type them.

Covers: bench/commands/split/certs.py, bench/commands/split/device.py, bench/commands/split/inputs.py,
    bench/commands/split/link.py, bench/commands/split/places.py, bench/commands/split/tally.py
"""

import csv
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from typer.testing import CliRunner

from bench import SeesawError
from bench.cli import app
from bench.commands.split.serve import read_token

SEESAW = [sys.executable, "-m", "bench"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A network of the blobs, trained for an epoch and packed at two cuts behind exits."""
    top = tmp_path_factory.mktemp("served")
    places = ["--records", str(top / "records"), "--runs", str(top / "runs"), "--data", str(top / "data")]
    model = ["--task", "blobs[train=200,test=60]", "--epochs", "1"]
    runner = CliRunner()
    rest = ["--policies", "confidence", "--meters", "storage", "--codecs", "float32"]
    done = runner.invoke(app, ["run", "--model", "lenet_dense", *model, *rest, *places])
    assert done.exit_code == 0, done.output
    done = runner.invoke(
        app,
        ["pack", "lenet_dense", *model, "--cut", "1", "--cut", "2", "--out", str(top / "shipped"), *places],
    )
    assert done.exit_code == 0, done.output
    return top


@contextmanager
def running(*arguments):
    """A command in a process, and the address that it says it listens at."""
    process = subprocess.Popen(
        [*SEESAW, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        said = ""
        while "Listening at" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        yield re.search(r"Listening at (\S+:\d+)", said)[1]
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


def test_device_link_and_server_in_three_processes(folder, tmp_path):
    shipped, answers = folder / "shipped/cut2", tmp_path / "answers.csv"
    with (
        running("serve", folder / "shipped", "--listen", "127.0.0.1:0") as server,
        running(
            "link", "--to", server, "--listen", "127.0.0.1:0", "--channel", "constant[up=2,rtt=20]"
        ) as link,
    ):
        asked = [
            "--server",
            link,
            "--policy",
            "none",
            "--samples",
            "20",
            "--out",
            answers,
            "--data",
            folder / "data",
        ]
        done = subprocess.run(
            [*SEESAW, "device", shipped, *asked], capture_output=True, text=True, timeout=100, check=False
        )
    assert done.returncode == 0, done.stderr
    assert re.search(r"server +20 +100.0%", done.stdout)
    rows = list(csv.DictReader(answers.open()))
    assert [int(row["sample"]) for row in rows] == list(range(20))
    sent = {int(row["bytes"]) for row in rows}
    assert min(float(row["seconds"]) for row in rows) > 0.02 + min(sent) / 250_000


def test_a_record_is_served_and_asked_without_a_folder_of_parts(folder, tmp_path):
    (record,) = (folder / "records").rglob("seed0.json")
    places = ["--runs", folder / "runs", "--data", folder / "data"]
    cuts = ["--cut", "0", "--cut", "1", "--codec", "picture[format=png]", "--codec", "float16"]
    with running("serve", record, *cuts, *places, "--listen", "127.0.0.1:0") as server:
        asked = ["--server", server, "--policy", "none", "--samples", "3", "--split", "fixed[cut=0]", *places]
        given = [
            str(one)
            for one in [
                "device",
                record,
                *cuts,
                "--into",
                tmp_path / "parts",
                *asked,
                "--out",
                tmp_path / "out.csv",
            ]
        ]
        done = CliRunner().invoke(app, given)
    assert done.exit_code == 0, done.output
    rows = list(csv.DictReader((tmp_path / "out.csv").open()))
    assert [(row["place"], row["cut"]) for row in rows] == [("server", "0")] * 3
    assert sorted(one.name for one in (tmp_path / "parts").iterdir()) == ["cut0", "cut1"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["RECORD", "--runs", "elsewhere"], "There are no weights of lenet_dense"),
        (["RECORD", "--cut", "1", "--codec", "picture"], "sends inputs, at cut 0 alone"),
        (
            ["RECORD", "--cut", "0", "--codec", "float16"],
            "sends features, at cuts behind the first stage alone",
        ),
        (["RECORD", "--cut", "77"], "There is no cut 77"),
        (["shipped", "--cut", "1"], "which were packed before"),
        (["shipped", "--token", "word", "--listen", "0.0.0.0:0"], "--clear-text allows that"),
        (["shipped", "--clear-text"], "Give --token FILE with it"),
    ],
)
def test_what_cannot_be_served_is_a_sentence(folder, words, sentence, monkeypatch):
    (record,) = (folder / "records").rglob("seed0.json")
    monkeypatch.chdir(folder)
    (folder / "word").write_text("secret")
    given = [str(record) if word == "RECORD" else word for word in words]
    places = [] if "--runs" in words else ["--runs", "runs"]
    done = CliRunner().invoke(app, ["serve", *given, *places, "--data", "data"])
    assert sentence in " ".join(f"{done.output} {done.exception}".split())


def test_pictures_without_a_server(folder, tmp_path):
    from PIL import Image

    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name in ("a.png", "b.PNG"):
        Image.new("L", (30, 20), 90).save(pictures / name, "PNG")
    given = ["device", str(folder / "shipped"), "--input", str(pictures), "--data", str(folder / "nowhere")]
    done = CliRunner().invoke(app, [*given, "--out", str(tmp_path / "out.csv"), "--repeat", "2"])
    assert done.exit_code == 0, done.output
    rows = list(csv.DictReader((tmp_path / "out.csv").open()))
    assert [os.path.basename(row["input"]) for row in rows] == ["a.png", "b.PNG"] * 2
    assert {row["place"] for row in rows} == {"exit"}


def test_certificates_are_made_and_the_next_step_is_named(tmp_path):
    done = CliRunner().invoke(app, ["certs", str(tmp_path / "certs"), "--host", "10.0.0.7"])
    assert done.exit_code == 0
    assert "--server 10.0.0.7:8443" in done.output.replace("\n", " ")


def test_tokens_that_are_none(tmp_path):
    (tmp_path / "word").write_text("  abc \n")
    assert read_token(tmp_path / "word") == "abc"
    assert read_token(None) is None
    for text in ("", "two words", "caf\u00e9"):
        (tmp_path / "word").write_text(text)
        with pytest.raises(SeesawError, match="The token"):
            read_token(tmp_path / "word")


def test_beyond_this_machine_serving_needs_certificates(folder):
    begun = time.monotonic()
    done = CliRunner().invoke(app, ["serve", str(folder / "shipped"), "--listen", "0.0.0.0:0"])
    assert isinstance(done.exception, SeesawError)
    assert "seesaw certs" in str(done.exception)
    assert time.monotonic() - begun < 60
