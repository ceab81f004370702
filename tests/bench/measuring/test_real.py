"""Requests at their moments, and processes that listen."""

import threading
import time
from types import SimpleNamespace

import pytest

from bench import SeesawError
from bench.measuring.real import asked, listening


class Slow:
    """Answers after a while, several at once; the third sample never."""

    def __init__(self):
        self.at_once, self.most, self.lock = 0, 0, threading.Lock()

    def ask(self, x):
        with self.lock:
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        time.sleep(0.2)
        with self.lock:
            self.at_once -= 1
        if x == 2:
            raise SeesawError("No answer came.")
        return SimpleNamespace(label=x)


def test_requests_begin_at_their_moments_and_wait_for_no_other():
    device, begin, counts = Slow(), time.monotonic() + 0.05, []
    found = asked(device, [0, 1, 2, 3], [0.0, 0.05, 0.1, 0.15], begin, counts.append)
    assert [one.answer and one.answer.label for one in found] == [0, 1, None, 3]
    assert device.most > 1
    assert counts == [1, 2, 3, 4]
    assert all(one.seconds >= 0.2 for one in found)
    assert found[2].seconds == float("inf")


def test_a_request_that_begins_late_counts_from_when_it_was_due():
    (found,) = asked(Slow(), [0], [0.0], time.monotonic() - 1.0)
    assert found.seconds >= 1.2


def test_a_command_that_ends_without_listening_is_a_sentence():
    with (
        pytest.raises(SeesawError, match=r"`seesaw nonsense` does not listen; it printed: .*nonsense"),
        listening("nonsense"),
    ):
        pass


def test_a_process_that_listens_is_ended_with_the_block(monkeypatch, tmp_path):
    script = tmp_path / "bench.py"
    script.write_text("import time\nprint('Listening at 127.0.0.1:7 now', flush=True)\ntime.sleep(60)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    begun = time.monotonic()
    with listening("serve", patience=20.0) as one:
        assert one.address == "127.0.0.1:7"
        assert begun <= one.started <= time.monotonic()
        assert one.process.poll() is None
    assert one.process.poll() is not None
    assert time.monotonic() - begun < 30
