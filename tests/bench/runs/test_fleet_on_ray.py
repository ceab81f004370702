"""A fleet whose devices are on a cluster of Ray is the fleet that is here."""

import pytest

from bench import SeesawError
from bench.replay.fleet.simulate import simulate
from bench.runs.fleet_on_ray import begin_on_ray
from bench.runs.sweeps.places import OnRay
from tests.bench.replay.fleet.test_share import fleet


def test_a_fleet_on_a_cluster_is_the_one_that_is_here():
    ray = pytest.importorskip("ray", reason="ray is an extra")
    of, place = fleet(), OnRay(workers=2)
    try:
        here, there = simulate(of, 2), simulate(of, 2, begin=begin_on_ray(place))
        again = simulate(of, 3, begin=begin_on_ray(place))
    finally:
        ray.shutdown()
    assert (there.requests, there.late, there.lost, there.batches) == (
        here.requests,
        here.late,
        here.lost,
        here.batches,
    )
    assert (there.times == here.times).all()
    assert again.miss <= there.miss


def test_without_ray_there_is_a_sentence(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SeesawError, match=r"--on ray needs ray.*seesaw-bench\[ray\]"):
        simulate(fleet(), 1, begin=begin_on_ray(OnRay()))
