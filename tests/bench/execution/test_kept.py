"""The way of a part is measured once on a machine, and found again for the same part alone."""

import json

import pytest
import torch
from torch import nn

from bench import Net, Sample
from bench.errors import SeesawError
from bench.execution import fast as fast_module
from bench.execution import kept
from bench.execution.fast import fast
from bench.network.sparse.mask import hide

pytestmark = pytest.mark.usefixtures("fresh")
X = torch.zeros(1, 8)


def part_of(weight=0.5, **more):
    torch.manual_seed(0)
    net = Net([nn.Linear(8, 4)], Sample((8,)), 3)
    net.hang(0, nn.Linear(4, 3))
    nn.init.constant_(net.stages[0].weight, weight)
    return net.eval().whole()


@pytest.fixture
def measurements(monkeypatch):
    """How often ways were compared so far."""
    calls, own = [], fast_module.compared
    monkeypatch.setattr(fast_module, "compared", lambda *words: calls.append(1) or own(*words))
    return calls


def test_the_same_part_is_measured_once(fresh, measurements):
    first, second = fast(part_of(), X), fast(part_of(), X)
    assert (len(measurements), len(list(fresh.glob("way-*.json")))) == (1, 1)
    assert (second.way.name, second.seconds, second.reason) == (first.way.name, first.seconds, first.reason)
    torch.testing.assert_close(second(X), part_of().run(X), rtol=1e-4, atol=1e-5)
    fast(part_of(), X, again=True)
    assert len(measurements) == 2


def test_another_weight_mask_batch_or_choice_of_ways_is_measured_anew(measurements):
    fast(part_of(), X)
    fast(part_of(0.25), X)
    fast(part_of(), torch.zeros(2, 8))
    fast(part_of(), X, chains=False)
    masked = part_of()
    hide(masked.stages["0"], torch.eye(4, 8).bool())
    fast(masked, X)
    assert len(measurements) == 5


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"way": "dense kernels", "seconds": {"dense kernels": -1.0}, "reason": null}',
     b'{"way": "other", "seconds": {"dense kernels": 1.0}, "reason": null}',
     b'{"way": ["x"], "seconds": {}, "reason": null}', b"[" * 60000, b'{"way": "x", "seconds": {"x": 1.0}, "reason": 3}'],
)  # fmt: skip
def test_a_damaged_file_is_measured_anew(fresh, measurements, content):
    fast(part_of(), X)
    (path,) = fresh.glob("way-*.json")
    path.write_bytes(content)
    assert kept.read(path) is None
    fast(part_of(), X)
    assert len(measurements) == 2
    assert json.loads(path.read_bytes())["way"]


def test_a_way_that_is_there_no_more_is_measured_anew(fresh, measurements):
    fast(part_of(), X)
    (path,) = fresh.glob("way-*.json")
    path.write_text(json.dumps({"way": "steam", "seconds": {"steam": 1.0}, "reason": None}))
    assert fast(part_of(), X).way.name != "steam"
    assert len(measurements) == 2


def test_without_a_folder_every_call_measures(monkeypatch, measurements):
    def none():
        raise SeesawError("no folder")

    monkeypatch.setattr(kept, "cache", none)
    fast(part_of(), X)
    fast(part_of(), X)
    assert len(measurements) == 2
