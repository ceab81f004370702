import pytest
import torch

from baselines.codecs.float32 import Float32
from baselines.methods.dense import Dense
from bench import SeesawError
from bench.replay.deploy.crossed import Crossed
from bench.testing import AllExits, TinyTask, trained
from tests.bench.crossed import made_crossings, write_crossings


def read(path, cuts=3, samples=200, classes=3):
    return Crossed.read(path, cuts, samples, classes)


def test_what_a_run_sent_comes_back_by_cut_and_codec(tmp_path):
    crossed = read(made_crossings(tmp_path / "c.safetensors", (160, 180)))
    assert list(crossed.messages) == [(0, "image8"), (0, "jpeg"), (1, "int8")]
    one = crossed.messages[1, "int8"]
    assert one.framed[:3].tolist() == [84, 85, 86]
    assert one.payload[:3].tolist() == [60, 61, 62]
    assert (one.answers == 0).sum() == 180


def test_a_codec_may_have_slashes_and_brackets_in_its_spec(tmp_path):
    def rename(tensors):
        for name in ("bytes", "framed", "answers"):
            tensors[f"1/a/b.py:C[x=1]/{name}"] = tensors.pop(f"1/int8/{name}")

    assert (1, "a/b.py:C[x=1]") in read(made_crossings(tmp_path / "c", (1, 2), change=rename)).messages


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"samples": None}, "does not say which samples"),
        ({"samples": torch.arange(200).flip(0)}, "not in order"),
        ({"samples": torch.arange(200) + 1}, "numbers from 1 to 200, not within 0 to 199"),
        ({"samples": torch.rand(200)}, "no whole numbers"),
        ({"1/int8/bytes": None}, "lacks 1/int8/bytes"),
        ({"1/int8/framed": torch.ones(199, dtype=torch.int64)}, r"the shape \(199,\) for 200 samples"),
        ({"1/int8/framed": -torch.ones(200, dtype=torch.int64)}, "not within 0 to"),
        (
            {"1/int8/framed": torch.ones(200, dtype=torch.int64)},
            "a frame of int8 is smaller than its payload",
        ),
        ({"1/int8/bytes": torch.full((200,), 1 << 40)}, "not within 0 to"),
        ({"1/int8/answers": torch.full((1, 200), 3, dtype=torch.int16)}, "not within 0 to 2"),
        ({"1/int8/answers": torch.zeros(200, dtype=torch.int16)}, "has the shape"),
        ({"2/int8/framed": torch.ones(200, dtype=torch.int64)}, "sends nothing beyond cut 1"),
        ({"x/int8/framed": torch.ones(200, dtype=torch.int64)}, "it has a tensor 'x/int8/framed'"),
        ({"1/int8/labels": torch.ones(200, dtype=torch.int64)}, "it has a tensor '1/int8/labels'"),
    ],
    ids=lambda word: None,
)
def test_a_file_that_does_not_fit_is_refused_with_a_sentence(tmp_path, change, why):
    def edit(tensors):
        for name, value in change.items():
            if value is None:
                del tensors[name]
            else:
                tensors[name] = value

    with pytest.raises(SeesawError, match=f"is no whole file of crossings .*{why}"):
        read(made_crossings(tmp_path / "c", (160, 180), change=edit))


def test_bytes_that_are_cut_short_or_of_another_kind_are_refused(tmp_path):
    path = made_crossings(tmp_path / "c", (160, 180))
    whole = path.read_bytes()
    for data in (whole[:-1], whole[:50], b"", b"\xff" * 100, whole + b"x"):
        path.write_bytes(data)
        with pytest.raises(SeesawError, match="no whole file of crossings"):
            read(path)


def test_crossings_of_a_network_are_read_as_they_were_sent(tmp_path):
    data = TinyTask().data(tmp_path, 0)
    net = trained(Dense(), AllExits(), train=False)[0].eval()
    exits = write_crossings(
        tmp_path / "c",
        net,
        data,
        data.test,
        {"float32": Float32()},
        torch.arange(0, len(data.test.labels), 2),
    )
    crossed = read(tmp_path / "c", len(net.stages) + 1, len(data.test.labels), net.classes)
    assert (crossed.samples == range(0, len(data.test.labels), 2)).all()
    for cut in range(1, len(net.stages)):
        assert (crossed.messages[cut, "float32"].answers == exits[-1].argmax(1).numpy()).all()
