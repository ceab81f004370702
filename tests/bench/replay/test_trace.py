import pytest
import torch

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
