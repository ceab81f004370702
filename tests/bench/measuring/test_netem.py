"""A link that the kernel lays between two network namespaces, where it does; elsewhere each test says why not."""

import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from bench import Conditions, SeesawError
from bench.measuring import netem as module
from bench.measuring.netem import Namespace, _shape, netem, why_no_netem

ECHO = """
import socket, sys
one = socket.create_server((sys.argv[1], 0)); print(one.getsockname()[1], flush=True)
here, _ = one.accept()
while data := here.recv(65536): here.sendall(data)
"""


@pytest.fixture
def kernel():
    if (reason := why_no_netem()) is not None:
        pytest.skip(reason)


def constant(up=250_000.0, delay=0.03, pieces=1):
    return Conditions.of(np.arange(pieces, dtype=float), np.full(pieces, up), delay=delay)


@pytest.mark.usefixtures("kernel")
def test_bytes_take_the_rate_and_the_delay_of_the_channel():
    payload = bytes(50_000)
    with netem(constant()) as far:
        process = subprocess.Popen(
            [*far.enter, sys.executable, "-c", ECHO, far.address], stdout=subprocess.PIPE, text=True
        )
        with socket.create_connection((far.address, int(process.stdout.readline())), timeout=20) as one:
            begun = time.monotonic()
            one.sendall(payload)
            left = len(payload)
            while left:
                left -= len(one.recv(65536))
            taken = time.monotonic() - begun
        assert process.wait(20) == 0
    least = len(payload) / 250_000 + 0.06
    assert 0.98 * least <= taken < 3 * least + 1.0


def test_a_channel_that_changes_or_carries_nothing_is_laid_by_no_kernel():
    for conditions in (constant(pieces=2), constant(up=0.0)):
        with pytest.raises(SeesawError, match="Give a constant channel"), netem(conditions):
            pass


def test_the_words_of_netem_are_those_of_the_channel():
    assert _shape(250_000.0, 0.0201, 0.0) == ["delay", "20100us", "limit", "10000", "rate", "2000000bit"]
    assert "loss 0.500000%" in " ".join(_shape(1e6, 0.0, 0.005))


def test_why_not_is_a_sentence(monkeypatch):
    monkeypatch.setattr(module.shutil, "which", lambda tool: None)
    monkeypatch.setattr(module.os, "geteuid", lambda: 0)
    assert why_no_netem() == "There is no ip and no tc: apt-get install iproute2."
    monkeypatch.setattr(module.os, "geteuid", lambda: 1000)
    assert why_no_netem() == "Network namespaces need root."


def test_a_namespace_is_entered_by_its_name():
    assert Namespace("other", "198.18.0.2").enter == ("ip", "netns", "exec", "other")
