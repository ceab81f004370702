"""Profiles of devices, over a small record.

Covers: baselines/profiles/believed.py, baselines/profiles/profile.py, baselines/profiles/published.py, baselines/profiles/recorded.py,
    baselines/profiles/scaled.py, bench/kinds/device.py
"""

import pytest

from bench import Profile, SeesawError, choose
from bench.records.circumstances import Side
from bench.records.profile import ProfileFile, Timing
from bench.records.reading import Reading
from bench.replay.deploy.recording import named
from bench.testing.games import small_record


def times(spec, run=None):
    return choose(Profile, spec).plugin.times(run or small_record())


def test_a_recorded_profile_has_the_latencies_of_the_record():
    one = times("recorded[watts=3]")
    assert one.device == (0.0, 1e-3, 2e-3, 3e-3)
    assert one.server == (3e-3, 2e-3, 1e-3, 0.0)
    assert one.exits == (2e-3, 3e-3)
    assert (one.time, one.energy, one.watts) == ("measured", "modelled", 3.0)


def test_a_scaled_profile_is_a_model_whatever_it_is_made_from():
    one = times("scaled[of=recorded,by=4]")
    assert one.device == pytest.approx((0.0, 4e-3, 8e-3, 12e-3))
    assert (one.time, one.energy, one.watts) == ("modelled", "unknown", None)
    assert one.source.startswith("4 x the run's record")


def test_a_published_board_takes_its_seconds_from_macs():
    one = times("published[board=pixel-4-gpu]")
    assert one.device[2] == pytest.approx(2e6 / (385e6 / 9e-3))
    assert one.time == "modelled"
    assert "pixel-4-gpu" in one.source


def test_a_believed_profile_counts_by_one_and_lets_policies_decide_by_another():
    one = times('believed[of="recorded[watts=3]",by="scaled[by=4]"]')
    assert (one.device, one.watts, one.time) == (times("recorded").device, 3.0, "measured")
    assert one.estimates.device == pytest.approx([0.0, 4e-3, 8e-3, 12e-3])
    assert one.estimates.server == pytest.approx([12e-3, 8e-3, 4e-3, 0.0])
    assert not one.by_layer
    slower = times('scaled[of="believed[by=scaled]",by=2]')
    assert slower.estimates.device == pytest.approx([0.0, 20e-3, 40e-3, 60e-3])
    assert slower.device == pytest.approx((0.0, 2e-3, 4e-3, 6e-3))
    assert one.source.endswith(f"policies decide by {one.estimates.source}")
    side = Side.of(named(choose(Profile, 'believed[by="scaled[by=4]"]')), one)
    assert side.times().estimates == one.estimates
    with pytest.raises(SeesawError, match="Name a profile for each of of= and by="):
        times('believed[of="believed[by=recorded]",by=recorded]')


def test_a_record_without_the_numbers_is_refused_with_a_sentence():
    run = small_record()
    for cut in run.cuts:
        cut.readings.clear()
    with pytest.raises(SeesawError, match="no latency of the device's part at cut 1"):
        times("recorded", run)
    with pytest.raises(SeesawError, match="The record has no MACs"):
        times("published", run)


def test_a_profile_of_a_file_is_of_its_network_and_batch_size_alone(tmp_path):
    run = small_record()

    def timing(part, number, seconds, batch=1, codec=""):
        return Timing(
            part=part,
            number=number,
            codec=codec,
            batch=batch,
            seconds=Reading(value=seconds, unit="s", source="clock"),
        )

    timings = [
        timing(part, number, 0.1 * number * batch, batch)
        for batch in (1, 8)
        for part, count in (("device", 4), ("server", 4), ("exit", 2), ("head", 2))
        for number in range(count)
    ]
    file = ProfileFile(
        setup=run.setup, digest=run.digest, seed=0, timings=[*timings, timing("encoder", 1, 0.5, codec="int8")],
        watts=Reading(value=4.5, unit="W", source="rapl"), machine={"processor": "here"}, versions={}, created="now",
    )  # fmt: skip
    path = file.write(tmp_path / "here.json")
    one = times(f"profile[file={path},batch=8]")
    assert one.device == pytest.approx((0.0, 0.8, 1.6, 2.4))
    assert (one.watts, one.energy, one.time) == (4.5, "measured", "measured")
    assert times(f"profile[file={path}]").encoders == {(1, "int8"): 0.5}
    assert times(f"profile[file={path}]").batches == {8: pytest.approx((0.0, 0.8, 1.6, 2.4))}
    assert times(f"scaled[of=profile[file={path}],by=2]").batches == {8: pytest.approx((0.0, 1.6, 3.2, 4.8))}
    rows = [
        one.model_copy(update={"seconds": one.seconds.model_copy(update={"n": 9, "disturbed": 9})})
        if (one.part, one.batch, one.number) == ("server", 8, 2)
        else one
        for one in file.timings
    ]
    noisy = file.model_copy(update={"timings": rows}).write(tmp_path / "noisy.json")
    side = Side.of(
        named(choose(Profile, f"profile[file={noisy}]")), times(f"profile[file={noisy}]"), largest=4
    )
    assert side.disturbed
    assert side.batches[0][0] == 8
    alone = Side.of(side.profile, times(f"profile[file={noisy}]"))
    assert (alone.disturbed, alone.batches) == (False, [])
    with pytest.raises(SeesawError, match=r"has no batches of 4\. Choose batch=1 or 8"):
        times(f"profile[file={path},batch=4]")
    with pytest.raises(SeesawError, match="names no file"):
        times("profile")
    other = run.model_copy(update={"setup": run.setup.model_copy(update={"recipe": {"epochs": 2}})})
    with pytest.raises(SeesawError, match="Profile this network"):
        times(f"profile[file={path}]", other)
