"""What is pretrained comes through a library that may be missing, from a hub that may be out of reach."""

import sys

import pytest

from bench import SeesawError, pretrained
from bench.network import pretrained as hub


def test_a_library_that_is_not_there_is_a_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(SeesawError, match=r"pip install 'seesaw-bench\[text\]'"):
        pretrained("AutoModel", "any")


def test_a_hub_out_of_reach_is_not_waited_for(monkeypatch):
    lookups = []

    def unknown(*words):
        lookups.append(words)
        raise OSError("Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", unknown)
    monkeypatch.setattr(hub, "getproxies", dict)
    with pytest.raises(SeesawError, match=r"no config 'nobody/nothing' to be had .* Give the folder"):
        pretrained("AutoConfig", "nobody/nothing")
    assert len(lookups) < 6  # the library alone asks six times, for most of a minute


def test_what_the_cache_lacks_is_fetched_and_a_folder_is_not(monkeypatch, tmp_path):
    calls = []

    class Auto:
        @staticmethod
        def from_pretrained(name, local_files_only=False, **settings):
            calls.append((name, local_files_only, settings))
            if local_files_only:
                raise OSError("not here")
            return "fetched"

    monkeypatch.setattr(hub, "_library", lambda: type("Library", (), {"AutoThing": Auto}))
    monkeypatch.setattr(hub, "_reachable", lambda: True)
    assert pretrained("AutoThing", "some/name", dtype=1) == "fetched"
    assert calls == [("some/name", True, {"dtype": 1}), ("some/name", False, {"dtype": 1})]
    with pytest.raises(SeesawError, match=r"no thing .* \(not here\)"):
        pretrained("AutoThing", str(tmp_path))
