"""`seesaw deploy --real`: the same requests predicted and answered, with a link and a server in processes of their own.

Covers: bench/commands/split/real.py, bench/runs/served.py
"""

import csv
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from bench import SeesawError
from bench.cli import app
from bench.records.measured import MeasuredDeployment
from bench.runs.real import HEADER
from bench.runs.served import Way


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Arguments of a network of the blobs that was trained for an epoch."""
    top = tmp_path_factory.mktemp("real")
    places = ["--records", str(top / "records"), "--runs", str(top / "runs")]
    asked = [
        "--task",
        "blobs[train=200,test=60]",
        "--model",
        "lenet_dense",
        "--epochs",
        "1",
        "--policies",
        "confidence",
    ]
    done = CliRunner().invoke(app, ["run", *asked, "--codecs", "float32", "--meters", "latency", *places])
    assert done.exit_code == 0, done.output
    (record,) = (top / "records").rglob("seed0.json")
    return ["--record", str(record), *places]


def test_real_requests_take_at_least_the_time_of_the_link_and_are_answered_as_predicted(trained, tmp_path):
    lines = tmp_path / "requests.csv"
    done = CliRunner().invoke(app, [
        "deploy", *trained, "--real", "--policy", "fixed[cut=1,codec=float32]", "--channel", "constant[up=1,rtt=100]", "--rate", "8",
        "--seconds", "2", "--out", str(lines), "--keep",
    ])  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "predicted" in done.output
    (kept,) = Path(trained[1]).parents[3].glob("measured/*/*/seed0-*.json")
    assert str(kept) in done.output
    record = MeasuredDeployment.read(kept)
    places = ["--records", trained[3], "--runs", trained[5]]
    done = CliRunner().invoke(app, ["verify", str(kept), "--rerun", *places])
    assert done.exit_code == 0, done.output
    assert "cannot be repeated bit by bit" in done.output
    assert "Made again, every number lies within its spread." in done.output
    assert "Measured: lenet_dense" in CliRunner().invoke(app, ["show", str(kept)]).output
    assert record.machine["processor"]
    assert record.others is not None
    with lines.open() as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == HEADER
    assert record.requests == len(rows)
    assert record.percentile(50)[1] == pytest.approx(
        np.percentile([float(row["measured"]) for row in rows], 50, method="inverted_cdf"), abs=1e-6
    )
    measured, predicted = (np.array([float(row[name]) for row in rows]) for name in ("measured", "predicted"))
    assert (predicted > 0.1).all()
    assert (measured > 0.1).all()
    assert np.median(measured) > 0.9 * np.median(
        predicted
    )  # a busy machine is slower, and a link never faster
    assert {row["place"] for row in rows} == {"server"}
    assert [row["right"] for row in rows] == [row["predicted_right"] for row in rows]
    assert [int(row["request"]) for row in rows] == list(range(len(rows)))


@pytest.mark.parametrize("codec", ["image8", "jpeg"])
def test_the_image_at_cut_0_takes_the_bytes_that_were_predicted_and_is_answered_so(trained, codec):
    done = CliRunner().invoke(app, [
        "deploy", *trained, "--real", "--policy", f"fixed[cut=0,codec={codec}]", "--channel", "constant[up=1,rtt=20]", "--rate", "20",
        "--seconds", "1", "--keep",
    ])  # fmt: skip
    assert done.exit_code == 0, done.output
    (kept,) = (
        one
        for one in Path(trained[1]).parents[3].glob("measured/*/*/*.json")
        if MeasuredDeployment.read(one).arm.codec == codec
    )
    record = MeasuredDeployment.read(kept)
    assert record.faults() == []
    assert record.measured.bytes == record.predicted.bytes
    assert record.as_predicted == 1


def test_a_way_is_a_fixed_cut_by_one_codec():
    assert Way.of("fixed[cut=2,codec=int8]") == Way(2, "int8", None)
    assert Way.of("fixed[cut=2,codec=int8]").split is None
    assert Way.of("fixed[cut=2,codec=int8,threshold=0.9]").split == "fixed[cut=2,threshold=0.9]"
    assert Way.of("fixed[cut=0,codec=image8]").packed_codec == "picture[format=values]"
    assert Way.of("fixed[cut=1,codec=jpeg]").packed_codec == "jpeg"
    for spec in ("random", "fixed[cut=2]"):
        with pytest.raises(SeesawError, match="cuts every request at one place"):
            Way.of(spec)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ([], "plays one policy"),
        (["--policy", "fixed[cut=1,codec=float32]", "--figures", "plots"], "without --figures"),
        (["--policy", "fixed[cut=0,codec=float32]"], "float32 sends features, and cut 0 sends inputs"),
        (["--policy", "fixed[cut=1,codec=float32]", "--devices", "2"], "Leave out --devices"),
        (["--policy", "fixed[cut=1,codec=float32]", "--deadline", "0.1"], "Give --fallback"),
        (["--policy", "random"], "cuts every request"),
    ],
)
def test_what_cannot_be_set_up_is_a_sentence(trained, more, sentence):
    done = CliRunner().invoke(app, ["deploy", *trained, "--real", "--seconds", "1", *more])
    assert done.exit_code != 0
    assert sentence in " ".join(f"{done.output} {done.exception}".split())
