"""The cut and the policy to take, on made records whose numbers the test sets."""

import pytest

from bench.boards.choice import SLOWER, Link, best_cut, best_policy
from bench.boards.extract import Extract
from tests.bench.edited import edited, set_

SLOW, FAST = Link("slow", 1e3), Link("fast", 1e12)


@pytest.fixture
def record(made):
    """Three cuts: the input, one inner cut, and none; the device computes 3 ms, the inner part 1 ms."""
    one = made(0)
    for cut, part, seconds in (
        (0, "server", 3e-3),
        (1, "device", 1e-3),
        (1, "server", 2e-3),
        (2, "device", 3e-3),
    ):
        one = edited(one, set_("cuts", cut, "readings", f"latency.{part}", value=_reading(seconds)))
    return one


def _reading(seconds, **more):
    return {"value": seconds, "low": seconds, "high": seconds, "n": 5, "unit": "s", "source": "clock"} | more


def test_the_device_computes_all_on_a_slow_link_and_sends_the_input_on_a_fast_one(record):
    here = best_cut(record, SLOW)
    assert (here.cut, here.codec, here.framed) == (len(record.cuts) - 1, "", 0.0)
    assert here.seconds == pytest.approx(SLOWER * 3e-3)
    there = best_cut(record, FAST)
    assert there.cut == 0
    assert there.seconds == pytest.approx(3e-3, rel=1e-3)


def test_a_codec_that_costs_more_than_a_point_is_not_taken(record):
    codec = best_cut(record, FAST).codec
    worse = record.exits[-1].readings["top1"].value - 0.02
    other = edited(record, set_("cuts", 0, "readings", f"top1.{codec}", "value", value=worse))
    assert (best_cut(other, FAST).cut, best_cut(other, FAST).codec) != (0, codec)


def test_a_cut_whose_time_is_unknown_or_disturbed_is_not_taken(record):
    other = edited(record, set_("cuts", 0, "readings", "latency.server", value=_reading(3e-3, disturbed=4)))
    assert best_cut(other, FAST).cut == 1


def test_the_policy_costs_least_on_calibration_among_those_within_a_point_of_the_best(made):
    record = made(0)
    best = best_policy(Extract.of(record))
    candidates = [curve for curve in record.curves if curve.shipped is not None]
    assert best.among == len(candidates)
    taken = next(curve for curve in candidates if curve.policy == best.policy)
    point = taken.outcomes[taken.shipped]
    assert (best.top1, best.macs) == (point.accuracy, pytest.approx(point.macs / taken.costs[-1]))
    for curve in candidates:
        other = curve.outcomes[curve.shipped]
        if other.calibration_accuracy >= point.calibration_accuracy:
            assert other.calibration_macs >= point.calibration_macs or curve is taken
