import pytest
import torch

from bench.replay.exits.scores import calibration_error, top
from tests.bench.replay.exits.test_calibration import answers, plain_error


def test_topk_is_a_sort():
    logits, labels = torch.randn(40, 9), torch.randint(9, (40,))
    order = logits.argsort(1, descending=True)
    for k in (1, 5):
        expected = sum(
            int(label in row[:k].tolist()) for row, label in zip(order, labels.tolist(), strict=True)
        )
        assert top(logits, labels, k) == expected / 40
    assert top(logits[:, :4], labels.clamp(max=3), 5) == 1.0


def test_an_accuracy_is_the_exact_quotient_of_counts():
    logits = torch.nn.functional.one_hot(torch.arange(3) % 2, 2).float()
    assert top(logits, torch.zeros(3, dtype=torch.long)) == 2 / 3


def test_whoever_is_entirely_sure_shares_the_last_bin():
    logits = torch.tensor([[900.0, 0], [900.0, 0], [3.0, 0]])
    labels = torch.tensor([0, 1, 0])
    assert calibration_error(logits, labels) == pytest.approx(plain_error(logits, labels, 15), abs=1e-6)


@pytest.mark.parametrize("hotter", [0.3, 1.0, 40.0])
def test_the_calibration_error_is_the_sum_over_bins_however_sure(hotter):
    logits, labels = answers(hotter=hotter)
    assert calibration_error(logits, labels) == pytest.approx(plain_error(logits, labels, 15), abs=1e-6)
