import numpy as np
import pytest
import torch

from bench import Trace
from bench.replay.exits.calibration import (
    COLDEST,
    HOTTEST,
    calibrated,
    disagreement,
    disagreements,
    temperature,
)
from bench.replay.exits.scores import calibration_error

COSTS = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)


def answers(samples=500, seed=0, hotter=1.0, classes=4):
    """Logits whose probabilities are true, times `hotter`."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(samples, classes, generator=generator)
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    return logits * hotter, labels


def entropy_at(logits, labels, hot):
    z = logits.double().numpy() / hot
    z -= z.max(1, keepdims=True)
    return -(z[np.arange(len(z)), labels.numpy()] - np.log(np.exp(z).sum(1))).mean()


@pytest.mark.parametrize("hotter", [0.2, 1.0, 3.0, 25.0])
def test_the_temperature_is_the_best_of_a_fine_grid(hotter):
    logits, labels = answers(hotter=hotter)
    grid = np.geomspace(COLDEST, HOTTEST, 2001)
    best = grid[np.argmin([entropy_at(logits, labels, hot) for hot in grid])]
    scale = temperature(logits, labels)
    assert scale == pytest.approx(best, rel=0.005)
    assert entropy_at(logits, labels, scale) <= min(entropy_at(logits, labels, hot) for hot in grid) + 1e-12


def test_probabilities_that_are_true_have_a_temperature_near_one():
    assert temperature(*answers(40_000)) == pytest.approx(1, abs=0.03)
    assert temperature(*answers(40_000, hotter=5.0)) == pytest.approx(5, rel=0.03)


def test_a_temperature_without_a_minimum_is_a_bound_and_without_a_slope_it_is_one():
    right = torch.eye(3)
    assert temperature(right, torch.arange(3)) == COLDEST
    assert temperature(right, (torch.arange(3) + 1) % 3) == HOTTEST
    assert temperature(torch.zeros(5, 3), torch.zeros(5, dtype=torch.long)) == 1
    assert temperature(torch.full((5, 3), float("nan")), torch.zeros(5, dtype=torch.long)) == 1


def plain_error(logits, labels, bins):
    p = logits.double().softmax(1).numpy()
    sure, hit = p.max(1), p.argmax(1) == labels.numpy()
    total = 0.0
    for b in range(bins):
        inside = (sure > b / bins) & (sure <= (b + 1) / bins)
        if inside.any():
            total += inside.sum() / len(sure) * abs(hit[inside].mean() - sure[inside].mean())
    return total


@pytest.mark.parametrize("bins", [1, 4, 15])
def test_the_calibration_error_is_the_sum_over_bins_written_out(bins):
    logits, labels = answers(hotter=2.0)
    assert calibration_error(logits, labels, bins) == pytest.approx(
        plain_error(logits, labels, bins), abs=1e-6
    )


def test_the_calibration_error_of_four_samples_is_the_hand_count():
    sure = torch.tensor([0.9, 0.9, 0.9, 0.6]).double()
    logits = torch.stack([(sure / (1 - sure)).log(), torch.zeros(4).double()], 1)
    labels = torch.tensor([0, 0, 1, 1])
    expected = 3 / 4 * abs(2 / 3 - 0.9) + 1 / 4 * 0.6
    assert calibration_error(logits, labels) == pytest.approx(expected, abs=1e-6)


def test_a_bin_holds_its_upper_end():
    logits = torch.stack([torch.tensor([0.0, 3.0]).log1p(), torch.zeros(2)], 1)  # 1/2 and 4/5 sure
    assert calibration_error(logits, torch.tensor([0, 1]), bins=2) == pytest.approx((0.5 + 0.8) / 2, abs=1e-6)


def test_a_temperature_mends_probabilities_that_are_too_sure():
    (here, labels), (there, others) = answers(4000, hotter=4.0), answers(4000, seed=1, hotter=4.0)
    calibration, test = Trace(here[None], labels, COSTS[:1]), Trace(there[None], others, COSTS[:1])
    (readings,) = calibrated(calibration, test)
    assert readings["temperature"].value == temperature(here, labels)
    assert readings["ece"].value == calibration_error(there, others)
    assert readings["ece.scaled"].value == pytest.approx(
        calibration_error(there / temperature(here, labels), others)
    )
    assert readings["ece"].value > 0.15 > 0.04 > readings["ece.scaled"].value


def test_test_labels_move_no_temperature():
    here, there = (Trace(logits[None], labels, COSTS[:1]) for logits, labels in (answers(), answers(seed=1)))
    changed = Trace(there.logits, there.labels.flip(0), there.costs)
    assert calibrated(here, there)[0]["temperature"] == calibrated(here, changed)[0]["temperature"]


def test_over_and_underthinking_are_the_hand_counts():
    right = torch.tensor([[1, 1, 0, 0, 1, 0, 0, 1], [1, 0, 1, 0, 1, 0, 0, 1], [1, 0, 0, 1, 0, 0, 1, 1]])
    logits = torch.stack([1.0 - right, right.float()], -1)
    trace = Trace(logits, torch.ones(8, dtype=torch.long), COSTS)
    shares = [(one["overthinking"].value, one["underthinking"].value) for one in disagreements(trace)]
    assert shares == [(2 / 8, 2 / 8), (2 / 8, 2 / 8), (0, 0)]
    whole = disagreement(trace)
    assert whole["overthinking"].value == 3 / 8  # samples 1, 2 and 4
    assert whole["underthinking"].value == 2 / 8  # samples 3 and 6
    assert disagreement(Trace(logits[:1], trace.labels, COSTS[:1])) == {}
