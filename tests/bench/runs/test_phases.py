import pytest
from filelock import Timeout

from bench.lock import Quiet
from bench.runs.phases import Phases, silent
from tests.bench.ticks import Ticks


def test_a_phase_is_reported_from_begin_to_end_and_its_seconds_add_up(tmp_path):
    reports, clock = [], Ticks()
    phases = Phases(lambda *words: reports.append(words), Quiet(tmp_path / "lock"), clock)
    for seconds in (1.5, 2.25):
        with phases("trace") as report:
            clock.sleep(seconds)
            report(3, 4, "half-way")
    with phases("pack"):
        clock.sleep(0.5)
    assert reports[:3] == [("trace", 0, 0, ""), ("trace", 3, 4, "half-way"), ("trace", 1, 1, "")]
    assert phases.seconds == {"trace": 3.75, "pack": 0.5}


def test_a_phase_that_fails_has_no_seconds(tmp_path):
    phases = Phases(silent, Quiet(tmp_path / "lock"))
    with pytest.raises(ValueError, match="broken"), phases("trace"):
        raise ValueError("broken")
    assert phases.seconds == {}


def test_while_one_run_holds_others_still_it_goes_on_and_their_next_report_waits(tmp_path):
    clock, quiet = Ticks(), Quiet(tmp_path / "lock")
    one, other = Phases(silent, Quiet(tmp_path / "lock", settle=1.2), clock), Phases(silent, quiet)
    quiet.lock.timeout = 0  # an error, where it would wait
    with one.still(), one("latency") as report:
        report(0, 1, "")
        with pytest.raises(Timeout), other("train"):
            pass
    with other("train"):
        pass
    assert clock.now == pytest.approx(1.2)
