"""Cores that other programs take, by a system's counts that the test writes."""

import os
import time

from bench.measuring.others import Others

TICK = os.sysconf("SC_CLK_TCK")


def write(folder, busy, own):
    """Counts of a system: seconds of all cores, and of process 7."""
    (folder / "7").mkdir(exist_ok=True)
    (folder / "stat").write_text(f"cpu  {busy * TICK} 0 0 99999 5 0 0 0 0 0\ncpu0 1 2 3\n")
    (folder / "7/stat").write_text(f"7 (a (strange) name) S {' '.join(['1'] * 10)} {own * TICK} 0 0 0\n")


def test_what_all_computed_less_what_the_processes_did(tmp_path):
    write(tmp_path, 100, 10)
    one, begun = Others([7], tmp_path), time.monotonic()
    time.sleep(0.05)
    write(tmp_path, 108, 13)
    cores, taken = one.cores(), time.monotonic() - begun
    assert 5 / taken <= cores <= 5 / 0.05


def test_a_system_that_does_not_tell_is_said(tmp_path):
    assert Others([7], tmp_path).cores() is None
    write(tmp_path, 100, 10)
    one = Others([7], tmp_path)
    (tmp_path / "7/stat").unlink()
    assert one.cores() is None


def test_this_machine_tells():
    one = Others([os.getpid()])
    time.sleep(0.02)
    assert one.cores() >= 0
