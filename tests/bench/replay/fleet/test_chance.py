import numpy as np
import pytest

from bench.replay.fleet.chance import MOMENT, SAMPLE, moment, uniform


def test_numbers_are_uniform_and_no_two_uses_share_one():
    numbers = np.array([[uniform(3, device, n, SAMPLE) for n in range(60)] for device in range(300)])
    assert len(np.unique(numbers)) == numbers.size
    counts = np.histogram(numbers, 20, (0, 1))[0]
    assert (
        (counts - numbers.size / 20) ** 2 / (numbers.size / 20)
    ).sum() < 45  # chi-squared, 19 degrees: p = 0.0007
    assert abs(np.corrcoef(numbers[:, 0], numbers[:, 1])[0, 1]) < 0.2
    assert uniform(3, 5, 7, SAMPLE) != uniform(3, 5, 7, MOMENT) != uniform(4, 5, 7, MOMENT)
    assert ((numbers > 0) & (numbers < 1)).all()


def test_requests_come_as_a_poisson_process_or_at_equal_distances():
    moments = [0.0]
    for number in range(20_000):
        moments.append(moment(1, 9, number, moments[-1], 4.0, False))
    distances = np.diff(moments)
    assert distances.mean() == pytest.approx(0.25, rel=0.03)
    assert distances.std() == pytest.approx(0.25, rel=0.05)
    regular = [moment(1, 9, number, 0.0, 4.0, True) for number in range(5)]
    assert 0 < regular[0] < 0.25
    np.testing.assert_allclose(np.diff(regular), 0.25)
