"""The Bjontegaard difference against closed forms, and against the cubic polynomials of the original on its kind of curves."""

import math

import numpy as np
import pytest

from bench.boards.bjontegaard import FEWEST, RatePoint, bd_rate, best_points

RATES = ([686.76, 309.58, 157.11, 85.95], [893.34, 407.8, 204.93, 112.75])
PSNR = ([40.28, 37.18, 34.24, 31.42], [40.39, 37.21, 34.17, 31.24])
"""Two video coders' four points in kbit/s and dB, as scripts that compute the difference have them for an example."""


def curve(bytes_, qualities):
    return [RatePoint(*point) for point in zip(bytes_, qualities, strict=True)]


def cubic(first, second):
    """The difference as in VCEG-M33: polynomials of the third degree through four points, log10 of the rate over PSNR."""
    fits = [np.polyint(np.polyfit(q, np.log10(r), 3)) for r, q in (first, second)]
    low, high = max(min(first[1]), min(second[1])), min(max(first[1]), max(second[1]))
    means = [(np.polyval(fit, high) - np.polyval(fit, low)) / (high - low) for fit in fits]
    return 10 ** (means[1] - means[0]) - 1


def test_it_is_near_the_original_on_four_even_points():
    first, second = curve(RATES[0], PSNR[0]), curve(RATES[1], PSNR[1])
    expected = cubic((RATES[0], PSNR[0]), (RATES[1], PSNR[1]))
    assert 0.2 < expected < 0.5
    assert bd_rate(second, first).value == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize("factor", [0.25, 0.5, 1.0, 3.0])
def test_a_curve_of_so_many_times_the_bytes_differs_by_so_much(factor):
    other = curve([10, 25, 70, 300, 310], [0.5, 0.71, 0.8, 0.81, 0.9])
    own = [RatePoint(one.bytes * factor, one.quality) for one in other]
    found = bd_rate(own, other)
    assert found.value == pytest.approx(factor - 1, abs=1e-12)
    assert (found.low, found.high) == (0.5, 0.9)


def test_where_log_bytes_are_a_line_over_quality_the_mean_is_in_the_middle_of_what_both_reach():
    steep = curve([math.exp(4 * q) for q in (0.2, 0.4, 0.6, 0.8)], [0.2, 0.4, 0.6, 0.8])
    flat = curve([math.exp(2 * q) for q in (0.5, 0.7, 0.9)], [0.5, 0.7, 0.9])
    found = bd_rate(steep, flat)
    assert (found.low, found.high) == (0.5, 0.8)
    assert found.value == pytest.approx(math.exp(2 * 0.65) - 1, rel=1e-9)
    assert bd_rate(flat, steep).value == pytest.approx(math.exp(-2 * 0.65) - 1, rel=1e-9)


def test_points_that_others_beat_are_left_out():
    points = curve([10, 20, 20, 30, 40], [0.5, 0.4, 0.6, 0.6, 0.7])
    assert best_points(reversed(points)) == curve([10, 20, 40], [0.5, 0.6, 0.7])


@pytest.mark.parametrize(
    ("own", "reason"),
    [
        (curve([1, 2, 3], [0.1, 0.2, 0.3]), "all its points are below the reference's"),
        (curve([1, 2, 3], [0.9, 0.95, 0.96]), "all its points are above the reference's"),
        (curve([1, 2, 3], [0.6, 0.55, 0.5]), "the curve has 1 point that no other beats, and needs 3"),
        (curve([1, 2, 3], [0.1, 0.3, 0.51]), "the two share too little: from 50.00% to 51.00%"),
        (curve([0, 2, 3], [0.5, 0.6, 0.7]), "no bytes has no logarithm"),
        ([], f"the curve has 0 points that no other beats, and needs {FEWEST}"),
    ],
)
def test_where_there_is_no_number_there_is_a_reason(own, reason):
    reference = curve([10, 20, 30], [0.5, 0.6, 0.8])
    found = bd_rate(own, reference)
    assert found.value is None
    assert reason in found.reason


def test_a_reference_of_too_few_points_is_named():
    assert bd_rate(curve([1, 2, 3], [0.5, 0.6, 0.7]), curve([1], [0.5])).reason.startswith(
        "the reference has 1 point"
    )
