import pytest
import torch

from bench import SeesawError, Trace
from bench.replay.trace import topk


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


def test_topk_is_a_sort():
    logits, labels = torch.randn(40, 9), torch.randint(9, (40,))
    order = logits.argsort(1, descending=True)
    for k in (1, 5):
        expected = sum(
            int(label in row[:k].tolist()) for row, label in zip(order, labels.tolist(), strict=True)
        )
        assert topk(logits, labels, k) == pytest.approx(expected / 40)
    assert topk(logits[:, :4], labels.clamp(max=3), 5) == 1.0
