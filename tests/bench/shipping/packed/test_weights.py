"""Weights from files; tests/bench/runs/test_run.py starts whole runs from them."""

import io
import json
import os

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from bench import Net, Sample, SeesawError, hide, pack
from bench.shipping.packed.weights import load_weights


def net_of(*stages, sample=(4,)):
    net = Net(stages, Sample(sample), 2)
    net.hang(len(stages) - 1, nn.Linear(4, 2))
    return net


def test_a_packed_file_brings_its_masks_and_a_network_with_others_is_refused(tmp_path):
    net, twin = net_of(nn.Linear(4, 4)), net_of(nn.Linear(4, 4))
    hide(net.stages[0], torch.eye(4, dtype=torch.bool))
    path = tmp_path / "weights.safetensors"
    path.write_bytes(pack(net, "bitmap"))
    loaded = load_weights(twin, path)
    assert loaded.matched == "by name"
    assert torch.equal(twin.stages[0].weight, net.stages[0].weight)
    assert torch.equal(loaded.masks["stages.0"], torch.eye(4, dtype=torch.bool))
    loaded.check(twin)
    hide(twin.stages[0], torch.eye(4, dtype=torch.bool).flip(0))
    with pytest.raises(SeesawError, match=r"gives stages\.0 another mask"):
        loaded.check(twin)


def test_a_mask_of_something_that_is_no_layer_is_refused(tmp_path):
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(4, 4))

        def forward(self, x):
            return x @ self.weight

    net = net_of(Scaled())
    tensors = {name: tensor for name, tensor in net.state_dict().items() if not name.startswith("stages")}
    tensors |= {
        "stages.0.weight.values": torch.ones(2),
        "stages.0.weight.bits": torch.tensor([3, 0], dtype=torch.uint8),
    }
    masked = {"stages.0": {"shape": [4, 4], "pairs": False, "form": "bitmap"}}
    path = tmp_path / "weights.safetensors"
    save_file(tensors, path, {"packed": json.dumps({"masked": masked})})
    with pytest.raises(SeesawError, match=r"masks stages\.0, which is no layer here"):
        load_weights(net, path)


def saved(path, content):
    torch.save(content, path)
    return path


def pickled(content):
    torch.save(content, buffer := io.BytesIO())
    return buffer.getvalue()


def state(net, **changes):
    return dict(net.state_dict()) | {name.replace("_", "."): value for name, value in changes.items()}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({}, "no tensors by name"),
        ([torch.ones(2)], "no tensors by name"),
        (torch.ones(2), "no tensors by name"),
        ({0: torch.ones(2), 1: torch.ones(2)}, "numbers for names"),
        ({"state_dict": {"a": 1}}, "more than tensors"),
    ],
)
def test_files_without_named_tensors_are_a_sentence(tmp_path, content, reason):
    with pytest.raises(SeesawError, match=rf"cannot be read as weights \(.*{reason}\)\. Give a safetensors"):
        load_weights(net_of(nn.Linear(4, 4)), saved(tmp_path / "a.pt", content))


class Stranger:
    def __reduce__(self):
        return os.system, ("exit 1",)


DAMAGED = {
    "code.pt": (
        zipped := pickled({"a": Stranger()}),
        r"holds posix\.system, and code in a file is never run",
    ),
    "module.pt": (
        pickled(nn.Linear(2, 2)),
        r"holds torch\.nn\.modules\.linear\.Linear, and code in a file is never run",
    ),
    "cut.pt": (zipped[: len(zipped) // 2], "damaged, or no file of PyTorch"),
    "words.pt": (b"hello world", "damaged, or no file of PyTorch"),
    "key.pt": (b"\x80\x02}q\x00(X\x01\x00\x00\x00ah\x05u.", "damaged, or no file of PyTorch"),
    "words.safetensors": (b"hello world", "header"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_files_with_code_or_damage_say_so_in_our_words(tmp_path, name):
    content, reason = DAMAGED[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(
        SeesawError, match=rf"cannot be read as weights \(.*{reason}.*\)\. Give a safetensors"
    ) as caught:
        load_weights(net_of(nn.Linear(4, 4)), tmp_path / name)
    assert "weights_only" not in str(caught.value)


@pytest.mark.parametrize("name", ["a.pt", "a.safetensors", "a.SAFETENSORS"])
def test_empty_files_are_a_sentence(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(SeesawError, match=r"cannot be read as weights \(.+\)\. Give a safetensors"):
        load_weights(net_of(nn.Linear(4, 4)), tmp_path / name)


@pytest.mark.parametrize(
    "tensor", [torch.ones(4, 4, dtype=torch.complex64), torch.ones(4, 4, dtype=torch.int32), torch.ones(4, 4, device="meta"),
               torch.quantize_per_tensor(torch.ones(4, 4), 0.1, 0, torch.qint8)],
)  # fmt: skip
def test_numbers_of_another_kind_are_a_sentence(tmp_path, tensor):
    net = net_of(nn.Linear(4, 4))
    path = saved(tmp_path / "a.pt", state(net, stages_0_weight=tensor))
    with pytest.raises(SeesawError, match=r"(cannot be read|takes real numbers).*\. (Save|Give)"):
        load_weights(net, path)


def test_sparse_and_half_tensors_and_endings_in_capitals_are_read(tmp_path):
    net, twin = net_of(nn.Linear(4, 4)), net_of(nn.Linear(4, 4))
    weight = torch.eye(4)
    load_weights(net, saved(tmp_path / "a.PT", state(twin, stages_0_weight=weight.to_sparse())))
    assert torch.equal(net.stages[0].weight, weight)
    load_weights(net, saved(tmp_path / "b.pt", state(twin, stages_0_weight=2 * weight.half())))
    assert torch.equal(net.stages[0].weight, 2 * weight)
    save_file(state(twin), tmp_path / "c.SAFETENSORS")
    load_weights(net, tmp_path / "c.SAFETENSORS")
    assert torch.equal(net.stages[0].weight, twin.stages[0].weight)


@pytest.mark.parametrize("named", [True, False])
def test_a_head_for_other_classes_is_left_out_where_it_is_trained(tmp_path, named):
    net, other = net_of(nn.Linear(4, 4)), net_of(nn.Linear(4, 4))
    other.hang(0, nn.Linear(4, 1000))
    content = other.state_dict()
    path = saved(tmp_path / "a.pt", dict(content) if named else {f"model.{k}": v for k, v in content.items()})
    with pytest.raises(SeesawError, match=r"heads\.0 for another number of classes.*epochs=1"):
        load_weights(net, path)
    own = net.head(0).weight.clone()
    assert load_weights(net, path, new_heads=True).left_out == ("heads.0",)
    assert torch.equal(net.head(0).weight, own)
    assert torch.equal(net.stages[0].weight, other.stages[0].weight)
    other.hang(0, nn.Linear(5, 2))
    with pytest.raises(SeesawError, match=r"shape \(2, 5\) where heads\.0\.weight"):
        load_weights(net, saved(path, other.state_dict()), new_heads=True)


@pytest.mark.parametrize(
    ("value", "kind"),
    [(float("nan"), torch.float32), (float("inf"), torch.float16), (1e300, torch.float64)],
)
def test_numbers_that_are_none_in_the_network_are_a_sentence(tmp_path, value, kind):
    state = nn.Linear(4, 2).state_dict()
    state["weight"] = state["weight"].to(kind)
    state["weight"][1, 2] = value
    torch.save(state, tmp_path / "w.pt")
    net = Net([nn.Linear(4, 2)], Sample((4,)), 2)
    with pytest.raises(SeesawError, match=r"infinite or NaN numbers for stages\.0\.weight"):
        load_weights(net, tmp_path / "w.pt")


@pytest.mark.parametrize("shape", [(1 << 20, 1 << 20), (2, 1 << 40)])
def test_a_sparse_terabyte_is_refused_before_memory_is_taken(tmp_path, shape):
    state = nn.Linear(4, 2).state_dict()
    state["weight"] = torch.sparse_coo_tensor(torch.zeros(2, 1, dtype=torch.int64), torch.ones(1), shape)
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(SeesawError, match=r"sparse tensor of shape .* settings to fit the file"):
        load_weights(Net([nn.Linear(4, 2)], Sample((4,)), 2), tmp_path / "w.pt")
    state["weight"] = torch.nested.nested_tensor([torch.ones(4)] * 2)
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(SeesawError, match=r"nested.tensor"):
        load_weights(Net([nn.Linear(4, 2)], Sample((4,)), 2), tmp_path / "w.pt")
