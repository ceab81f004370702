import pytest
import torch
from safetensors.torch import save_file

from bench import SeesawError, Trace


def test_a_trace_comes_back_from_its_file(tmp_path):
    trace = Trace(torch.randn(2, 5, 3), torch.arange(5) % 3, torch.tensor([1.0, 2.0], dtype=torch.float64))
    trace.save(tmp_path / "a" / "t.safetensors", split="test")
    again = Trace.load(tmp_path / "a" / "t.safetensors")
    for name in ("logits", "labels", "costs"):
        assert torch.equal(getattr(trace, name), getattr(again, name))
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["t.safetensors"]


@pytest.mark.parametrize("content", [None, b"", b"nonsense" * 20])
def test_a_file_that_is_no_trace_is_a_sentence(tmp_path, content):
    path = tmp_path / "t.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SeesawError, match="no whole trace"):
        Trace.load(path)


@pytest.mark.parametrize(
    ("changed", "hint"),
    [
        ({"labels": torch.tensor([0, 1, 9])}, "labels from 0 to 9 for 4 classes"),
        ({"labels": torch.tensor([0.0, 1.5, 2.0])}, "no class's whole number"),
        ({"logits": torch.full((2, 3, 4), float("nan"))}, "infinite or NaN logits"),
        ({"logits": torch.zeros(2, 3)}, "Write logits as"),
        ({"costs": torch.tensor([2.0, 1.0])}, "none less than the one before"),
        ({"costs": torch.tensor([1.0])}, "not 2 finite numbers"),
    ],
)
def test_a_file_whose_numbers_cannot_be_is_a_sentence(tmp_path, changed, hint):
    tensors = {
        "logits": torch.zeros(2, 3, 4),
        "labels": torch.tensor([0, 1, 2]),
        "costs": torch.tensor([1.0, 2.0]),
    }
    save_file(tensors | changed, tmp_path / "t.safetensors")
    with pytest.raises(SeesawError, match=hint):
        Trace.load(tmp_path / "t.safetensors")


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float64, torch.int32])
def test_numbers_may_be_written_in_any_type(tmp_path, kind):
    logits = torch.arange(24).reshape(2, 3, 4)
    tensors = {
        "logits": logits.to(kind),
        "labels": torch.tensor([0, 1, 2], dtype=torch.int16),
        "costs": torch.tensor([1, 2]),
    }
    save_file(tensors, tmp_path / "t.safetensors")
    trace = Trace.load(tmp_path / "t.safetensors")
    assert torch.equal(trace.logits, logits.float())
    assert (trace.labels.dtype, trace.costs.dtype) == (torch.int64, torch.float64)
