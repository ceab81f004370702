import threading

import pytest

from bench.lock import Quiet
from bench.runs import phases as module
from bench.runs.phases import Phases


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test turns: `clock[0] += seconds`."""
    now = [0.0]
    monkeypatch.setattr(module.time, "perf_counter", lambda: now[0])
    return now


def test_a_phase_is_reported_from_begin_to_end_and_its_seconds_add_up(clock, tmp_path):
    reports = []
    phases = Phases(lambda *words: reports.append(words), Quiet(tmp_path / "lock"))
    for seconds in (1.5, 2.25):
        with phases("trace") as report:
            clock[0] += seconds
            report(3, 4, "half-way")
    with phases("pack"):
        clock[0] += 0.5
    assert reports[:3] == [("trace", 0, 0, ""), ("trace", 3, 4, "half-way"), ("trace", 1, 1, "")]
    assert phases.seconds == {"trace": 3.75, "pack": 0.5}


def test_a_phase_that_fails_has_no_seconds(clock, tmp_path):
    phases = Phases(module.silent, Quiet(tmp_path / "lock"))
    with pytest.raises(ValueError, match="broken"), phases("trace"):
        raise ValueError("broken")
    assert phases.seconds == {}


def test_while_one_run_holds_others_still_it_goes_on_and_their_next_report_waits(tmp_path):
    one, other = (Phases(module.silent, Quiet(tmp_path / "lock")) for _ in range(2))
    ended = threading.Event()

    def work():
        with other("train"):
            ended.set()

    thread = threading.Thread(target=work, daemon=True)
    with one.still(), one("latency") as report:
        report(0, 1, "")
        thread.start()
        assert not ended.wait(0.3)
    assert ended.wait(30)
    thread.join()
