"""What a user sees of `seesaw partition` and `seesaw profile --graph`.

Covers: bench/commands/split/graphs.py
"""

import json
import sys

import pytest

from bench import Graph, Reading, cli
from bench.commands import options
from bench.testing.partitioners import small_graph


@pytest.fixture
def seesaw(monkeypatch, tmp_path, capsys):
    """Types a command in an empty folder; gives exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(options.out, "width", 100)

    def type_(*words):
        monkeypatch.setattr(sys, "argv", ["seesaw", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
        printed = capsys.readouterr()
        return end.value.code or 0, printed.out, printed.err

    return type_


def timed(path, each=1e-3, last=None):
    graph = small_graph()
    seconds = [0.0, *[each] * 5, each if last is None else last]
    operations = tuple(
        one.model_copy(update={"seconds": Reading(value=seconds[number], unit="s", source="made", n=5)})
        for number, one in enumerate(graph.operations)
    )
    graph.model_copy(update={"operations": operations, "machine": {"processor": "a processor"}}).write(path)
    return str(path)


def test_a_file_is_placed_without_pytorch_and_every_line_is_there(seesaw, tmp_path):
    file = timed(tmp_path / "g.json")
    code, out, err = seesaw(
        "partition",
        file,
        "--channel",
        "constant[up=8,rtt=2]",
        "--partitioner",
        "min-cut,d3",
        "--then",
        "constant[up=0.01]",
    )
    assert code == 0, err
    text = " ".join(out.split())
    assert "device: 60 ms for all, modelled: 10 x a processor" in text
    assert "server: 6 ms for all, measured: a processor" in text
    assert "device to server: 8 Mbit/s up, 8 down, 2 ms there and back" in text
    assert "server (6 operations): conv to fc" in text
    assert "crosses: x 768B" in text
    line = next(one for one in out.splitlines() if one.split()[:1] == ["min-cut"])
    assert line.split()[1] == "-"
    assert "8.83 ms" in line  # 0.768 ms to send, 2 ms and 64 bytes back, 6 ms on the server
    moved = [one.split() for one in out.splitlines()[-5:] if one.split()[:1] == ["min-cut"]]
    assert moved
    assert "60 ms" in " ".join(moved[0])


def test_three_tiers_and_shared_rows_are_described(seesaw, tmp_path):
    file = timed(tmp_path / "g.json", 0.1)
    code, out, err = seesaw(
        "partition", file, "--edge", "scaled[by=2]", "--channel", "constant[up=100]", "--backhaul", "constant[up=0.001]",
        "--partitioner", "min-cut,d3[nodes=2],fused[servers=2]",
    )  # fmt: skip
    assert code == 0, err
    assert "edge to server: 0.001 Mbit/s up" in out
    assert "rows of conv to pool shared by 2" in out
    assert "between these" in out
    assert "edge (6 operations): conv to fc" in out


def test_exits_are_named_by_operations(seesaw, tmp_path):
    file = timed(tmp_path / "g.json", last=1.0)
    code, out, err = seesaw(
        "partition", file, "--exits", "sum=0.9", "--partitioner", "branchy", "--channel", "constant[up=1]", "--classes", "1",
        "--profile", "recorded", "--server", "scaled[by=0.01]",
    )  # fmt: skip
    assert code == 0, err
    assert "crosses: pool 1.02 kB, for 10.0% of the samples" in out
    code, _, err = seesaw("partition", file, "--exits", "left=0.9", "--partitioner", "branchy")
    assert code == 1
    assert "'left' is no operation that every path passes" in " ".join(err.split())
    code, _, err = seesaw("partition", file, "--exits", "sum=2", "--partitioner", "branchy")
    assert code == 1
    assert "'2' is no share of samples that leave" in " ".join(err.split())


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["none.json"], "none.json cannot be read"),
        (["FILE", "--partitioner", "mincut"], "There is no partitioner 'mincut'"),
        (["FILE", "--partitioner", ","], "--partitioner names nothing"),
        (["FILE", "--channel", "ltee"], "There is no channel 'ltee'"),
        (["FILE", "--profile", "recordd"], "There is no profile 'recordd'"),
        (["FILE", "--server", "other.json"], "other.json cannot be read"),
        (["resnet_snip"], "names the method snip"),
        (["resnet", "--image", "224"], "'224' is no shape of images"),
    ],
)
def test_what_is_wrong_is_one_sentence(seesaw, tmp_path, words, sentence):
    file = timed(tmp_path / "g.json")
    code, _, err = seesaw("partition", *[file if one == "FILE" else one for one in words])
    assert code == 1
    assert sentence in " ".join(err.split())


def test_a_profile_of_another_network_is_refused(seesaw, tmp_path):
    file, other = timed(tmp_path / "g.json"), tmp_path / "other.json"
    graph = Graph.read(tmp_path / "g.json")
    graph.model_copy(
        update={"edges": (graph.edges[0].model_copy(update={"bytes": 7}), *graph.edges[1:])}
    ).write(other)
    code, _, err = seesaw("partition", file, "--server", str(other))
    assert code == 1
    assert "has the operations of small" in " ".join(err.split())


def test_a_network_is_timed_and_its_file_is_placed(seesaw, tmp_path):
    file = tmp_path / "here.json"
    code, out, err = seesaw(
        "profile", "--graph", "--model", "torchvision[name=squeezenet1_1]", "--image", "3x32x32", "--classes", "10", "--rounds", "3",
        "--longest", "0.2", "--out", str(file),
    )  # fmt: skip
    assert code == 0, err
    assert "torchvision[name=squeezenet1_1]: 67 operations" in out
    assert json.loads(file.read_text())["model"] == "torchvision[name=squeezenet1_1]"
    code, out, err = seesaw("partition", str(file), "--partitioner", "min-cut", "--channel", "wifi")
    assert code == 0, err
    assert "min-cut:" in out
    code, _, err = seesaw(
        "profile", "--graph", "--model", "mlp", "--batches", "1,2", "--task", "blobs", "--out", str(file)
    )
    assert code == 1
    assert "Leave out --task, --batches" in " ".join(err.split())
