import numpy as np
import pytest

from bench import PartTimes
from bench.kinds.channel import Conditions
from bench.replay.plan.configuration import Configuration, Facts, configurations
from bench.replay.plan.queue import Arrivals, Road

TIMES = PartTimes(
    device=(0.0, 0.4, 1.0), server=(0.3, 0.2, 0.0), exits=(0.45, 1.0), heads=(0.1, 0.0), time="measured", source="made",
    encoders={(1, "int8"): 0.05}, decoders={(1, "int8"): 0.01},
)  # fmt: skip


def test_every_cut_codec_policy_and_point_of_a_record_is_there(made):
    record = made(right=(160, 180))
    found = dict(configurations(record, TIMES, TIMES))
    assert {one for one in found if one.policy is None} == {
        Configuration(0, "image8"), Configuration(0, "jpeg"), Configuration(1, "int8"), Configuration(2)
    }  # fmt: skip
    by_policy = {one for one in found if one.policy == "fixed"}
    assert Configuration(1, "int8", "fixed") in by_policy
    points = len(record.curves[0].outcomes)
    assert {one.point for one in by_policy if one.cut == 2} == {None, *range(points)}


def test_what_a_configuration_takes_is_what_the_record_says(made):
    record = made(right=(160, 180))
    found = dict(configurations(record, TIMES, TIMES))
    image = found[Configuration(0, "image8")]
    assert (image.device_bytes, image.seconds, image.server, image.framed) == (0.0, 0.0, 0.3, 88.0)
    inner = found[Configuration(1, "int8")]
    assert (inner.seconds, inner.server) == pytest.approx((0.45, 0.21))
    assert inner.device_bytes == record.cuts[1].readings["bytes.dense.device"].value
    assert inner.accuracy == record.cuts[1].readings["top1.int8"].value
    whole = found[Configuration(2)]
    assert (whole.seconds, whole.framed, whole.sent, whole.accuracy) == (1.0, 0.0, 0.0, 0.9)
    for number, point in enumerate(record.curves[0].outcomes):
        own = found[Configuration(2, "", "fixed", number)]
        assert own.accuracy == point.accuracy
        assert own.leaves == tuple(point.shares[:-1])
        assert own.reach == pytest.approx((0.45,))
        assert own.seconds == pytest.approx(1.1), "the head on the way is computed too"
    early, sums = found[Configuration(1, "int8", "fixed")], record.cuts[1].early[0]
    assert early.leaves == (sums.device / 200,)
    if sums.device < 200:
        assert early.framed * (200 - sums.device) == pytest.approx(sums.behind["int8"].framed)


def test_requests_leave_by_the_shares():
    facts = Facts(0.9, 10.0, (0.5, 0.2), (1.0, 2.0), 3.0, 40.0, 0.1)
    work = facts.work(Arrivals.of(10.0, 2000.0, 0))
    shares = [float((work.device == one).mean()) for one in (1.0, 2.0, 3.0)]
    assert shares == pytest.approx([0.5, 0.2, 0.3], abs=0.01)
    assert (work.is_sent == (work.device == 3.0)).all()
    assert facts.compute == pytest.approx(0.5 + 0.4 + 0.9)


def test_the_least_time_is_that_of_the_share_that_may_not_be_late():
    facts = Facts(0.9, 10.0, (0.5, 0.2), (1.0, 2.0), 3.0, 40.0, 0.1)
    road = Road(Conditions.of(np.zeros(1), np.array([40.0]), delay=0.5), reply=20)
    assert facts.least(road, 0.0) == pytest.approx(3.0 + 1.0 + 0.5 + 1.0 + 0.1)
    assert facts.least(road, 0.3) == 2.0
    assert facts.least(road, 0.5) == 1.0
