import json
from dataclasses import asdict

import pytest
from pydantic import ValidationError

from bench.records.curve import Counts, Curve, Point


def made(*points, policy="made", reference=False):
    """A curve of a network of three exits that cost 10, 20 and 40, from its counts of 10 test samples each."""
    return Curve(
        policy=policy,
        reference=reference,
        costs=[10, 20, 40],
        thresholds=[],
        test=Counts(left=[left for left, _, _ in points], right=[right for _, right, _ in points]),
        calibration=None
        if reference
        else Counts(
            left=[[5 * n for n in left] for left, _, _ in points], right=[here for _, _, here in points]
        ),
    )


# left at each exit of 10 samples, right of 10 on the test split, right of 50 on the calibration split
WHOLE, HALF, EARLY = ([0, 0, 10], 8, 45), ([5, 0, 5], 9, 40), ([10, 0, 0], 5, 25)


def test_points_are_computed_from_counts():
    curve = made(WHOLE, HALF)
    assert curve.outcomes[1] == Point(
        thresholds=[],
        accuracy=0.9,
        macs=25,
        shares=[0.5, 0, 0.5],
        calibration_accuracy=0.8,
        calibration_macs=25,
    )
    assert curve.outcomes[1].exit == 1.0
    oracle = made(([9, 0, 1], 10, 0), reference=True)
    assert oracle.outcomes[0].calibration_accuracy is None


def test_points_of_older_records_are_as_they_are():
    point = Point(
        thresholds=[0.5],
        accuracy=0.9,
        macs=25,
        shares=[0.5, 0.5],
        calibration_accuracy=0.8,
        calibration_macs=25,
    )
    values = json.loads(json.dumps({"policy": "old", "reference": False, "points": [asdict(point)]}))
    assert Curve.model_validate(values).outcomes == [point]


def test_between_two_points_cost_accuracy_and_mean_exit_are_mixed_alike():
    curve = made(WHOLE, HALF, EARLY)
    assert curve.at(10) == (0.5, 0)
    assert curve.at(25) == (0.9, 1)
    assert curve.at(40) == (0.8, 2)
    assert curve.at(17.5) == pytest.approx((0.7, 0.5))
    assert curve.at(32.5) == pytest.approx((0.85, 1.5))
    assert curve.at(9.99) is None
    assert curve.at(100) == (0.8, 2)


def test_points_are_chosen_on_the_calibration_split_alone():
    lucky = (
        [4, 0, 6],
        10,
        39,
    )  # right about all test samples; on calibration worse than HALF, which costs less
    assert [point.accuracy for point in made(WHOLE, lucky, HALF, EARLY).chosen] == [0.5, 0.9, 0.8]
    swapped = [(left, right, 50 - here) for left, right, here in (WHOLE, HALF, EARLY)]
    assert [point.accuracy for point in made(*swapped).chosen] == [0.5]


def test_beyond_its_dearest_chosen_point_a_policy_spends_no_more():
    curve = made(([0, 0, 10], 10, 38), HALF, EARLY)
    assert curve.at(40) == (0.9, 1)


def test_the_area_is_the_hand_count_and_nothing_where_no_point_is_so_cheap():
    curve = made(WHOLE, HALF, EARLY)
    assert curve.area(40) == pytest.approx((15 * 0.7 + 15 * 0.85) / 40)
    assert made(HALF, EARLY).area(40) == pytest.approx((15 * 0.7 + 15 * 0.9) / 40)
    assert made(WHOLE).area(40) == 0
    assert made(EARLY).area(40) == pytest.approx(30 * 0.5 / 40)


def test_a_point_is_chosen_by_calibration_and_never_by_the_test_split():
    lucky, sound, dear = ([5, 5, 0], 10, 35), ([5, 5, 0], 8, 45), ([0, 10, 0], 9, 48)
    curve = made(dear, sound, lucky)
    assert curve.within(16) is curve.outcomes[1]
    assert curve.within(30) is curve.outcomes[0]
    assert curve.within(9) is None
    oracle = made(([9, 1, 0], 10, 0), reference=True)
    assert oracle.within(12).accuracy == 1


def test_one_ships_the_cheapest_point_that_loses_half_a_point_at_most_on_the_calibration_split():
    def of(*right, reference=False):
        counts = Counts(left=[[0, 0, 1000], [0, 1000, 0], [1000, 0, 0]], right=right)
        costs = [10, 20, 40]
        test = Counts(left=counts.left, right=[0, 0, 1000])
        calibration = None if reference else counts
        return Curve(
            policy="made", reference=reference, costs=costs, test=test, calibration=calibration
        ).shipped

    assert of(900, 895, 890) == 1
    assert of(900, 894, 890) == 0
    assert of(894, 899, 500) == 1
    assert of(890, 890, 895) == 2
    assert of(900, 895, 890, reference=True) is None
    assert made(reference=False).shipped is None


@pytest.mark.parametrize(
    "change",
    [
        {"costs": [10, 20]},
        {"test": {"left": [[0, 0, 10]], "right": [8, 9]}},
        {"test": {"left": [[0, 0, 10], [5, 0, 4]], "right": [8, 9]}},
        {"test": {"left": [[0, 0, 0], [0, 0, 0]], "right": [0, 0]}},
        {"test": {"left": [[0, 0, 10], [5, 0, 5]], "right": [8, 11]}},
        {"test": {"left": [[0, 0, 10], [-5, 0, 15]], "right": [8, 9]}},
        {"calibration": {"left": [[0, 0, 10]], "right": [8]}},
        {"thresholds": [[1.0, 1.0, 1.0]]},
        {"thresholds": [[1.0], [1.0]]},
    ],
)
def test_columns_that_do_not_fit_are_no_curve(change):
    values = made(WHOLE, HALF).model_dump()
    assert Curve.model_validate(values)
    with pytest.raises(ValidationError):
        Curve.model_validate(values | change)
