import subprocess
import sys
import time

import pytest
from filelock import Timeout

from bench.lock import Quiet, alone

HOLD = """
import sys, time
from pathlib import Path
from bench.lock import alone
with alone(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_ends_with_its_process_however_it_ends(tmp_path):
    path = tmp_path / "deep" / "lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    waits = []

    def wait():
        waits.append(time.monotonic())
        holder.kill()

    with alone(path, wait):
        assert len(waits) == 1
    holder.wait()
    with alone(path, wait):
        assert len(waits) == 1


def test_others_hold_still_while_one_takes_its_timings(tmp_path):
    settled = []
    mine, other = Quiet(tmp_path / "timing", settle=1.2), Quiet(tmp_path / "timing")
    other.lock.timeout = 0  # an error, where it would wait
    other.wait()
    with mine.hold(settled.append):
        mine.wait()
        with pytest.raises(Timeout):
            other.wait()
    other.wait()
    assert settled == [1.2]
