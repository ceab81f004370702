"""What is pretrained comes through a library that may be missing, from a hub that may be out of reach."""

import sys
import time

import pytest

from bench import SeesawError, pretrained
from bench.network import pretrained as hub


def test_a_library_that_is_not_there_is_a_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(SeesawError, match=r"pip install 'seesaw-bench\[text\]'"):
        pretrained("AutoModel", "any")


def test_a_hub_out_of_reach_is_not_waited_for(monkeypatch):
    def unknown(*words):
        raise OSError("Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", unknown)
    monkeypatch.setattr(hub, "getproxies", dict)
    with pytest.raises(SeesawError, match=r"no config 'nobody/nothing' to be had .* Give the folder"):
        pretrained("AutoConfig", "nobody/nothing")
    begun = time.perf_counter()
    with pytest.raises(SeesawError):
        pretrained("AutoConfig", "nobody/nothing")
    assert time.perf_counter() - begun < 2


def test_what_the_cache_lacks_is_fetched_and_a_folder_is_not(monkeypatch, tmp_path):
    asked = []

    class Auto:
        @staticmethod
        def from_pretrained(name, local_files_only=False, **settings):
            asked.append((name, local_files_only, settings))
            if local_files_only:
                raise OSError("not here")
            return "fetched"

    monkeypatch.setattr(hub, "_library", lambda: type("Library", (), {"AutoThing": Auto}))
    monkeypatch.setattr(hub, "_reachable", lambda: True)
    assert pretrained("AutoThing", "some/name", dtype=1) == "fetched"
    assert asked == [("some/name", True, {"dtype": 1}), ("some/name", False, {"dtype": 1})]
    with pytest.raises(SeesawError, match=r"no thing .* \(not here\)"):
        pretrained("AutoThing", str(tmp_path))
