import subprocess
import sys
import threading
import time

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
    mine, other = Quiet(tmp_path / "timing", settle=0.0), Quiet(tmp_path / "timing")
    other.wait()
    passed = threading.Event()

    def wait():
        other.wait()
        passed.set()

    with mine.hold(time.sleep):
        mine.wait()
        thread = threading.Thread(target=wait)
        thread.start()
        assert not passed.wait(0.2)
    assert passed.wait(60)
    thread.join()
