"""Other runtimes as ways: they give the part's own outputs, or say why they are not among the ways."""

import sys
from importlib.util import find_spec

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from bench import Net, Sample
from bench.execution import engines
from bench.execution.engines import engines_of, means

HERE = [name for name, (module, _) in engines._ALL.items() if find_spec(module) is not None]


@pytest.fixture
def asked(monkeypatch):
    monkeypatch.delenv(engines.ENGINES, raising=False)


@pytest.fixture
def net():
    torch.manual_seed(0)
    stages = [nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()), nn.Conv2d(8, 4, 3)]
    made = Net(stages, Sample((3, 13, 9)), 5)
    made.hang(0, nn.Sequential(nn.AdaptiveAvgPool2d((4, 3)), nn.Flatten(), nn.Linear(96, 5)))
    made.hang(1, nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5)))
    return made.eval()


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("batch", [1, 3])
def test_an_engine_gives_the_outputs_of_the_part(net, batch):
    x = torch.randn(batch, 3, 13, 9)
    ready, reasons = engines_of(net.whole(), x)
    assert [way.name.rpartition(" ")[0] for way, _ in ready] == HERE
    assert reasons.keys() == engines._ALL.keys() - set(HERE)
    for way, run in ready:
        for own in (x, torch.randn_like(x)):
            with torch.no_grad():
                torch.testing.assert_close(run(own), net.whole().run(own), rtol=1e-4, atol=1e-5)
        first = net.cut(1)[0]
        with torch.no_grad():
            torch.testing.assert_close(way.prepare(first, x)(x), first.run(x), rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("asked")
def test_an_engine_that_computes_something_else_is_none_of_the_ways(net, monkeypatch):
    def wrong(model, threads):
        return lambda x: [2 * one for one in net.whole().run(x)]

    monkeypatch.setattr(engines, "_ALL", {"Wrong": ("torch", wrong)})
    ready, reasons = engines_of(net.whole(), torch.randn(1, 3, 13, 9))
    assert not ready
    assert "outputs differ by 1" in reasons["Wrong"]


@pytest.mark.usefixtures("asked")
def test_an_engine_that_is_not_installed_is_named(net, monkeypatch):
    for module, _ in engines._ALL.values():
        monkeypatch.setitem(sys.modules, module, None)
    assert engines_of(net.whole(), torch.randn(1, 3, 13, 9)) == (
        [],
        {"ONNX Runtime": "not installed", "OpenVINO": "not installed"},
    )


@pytest.mark.usefixtures("asked")
@pytest.mark.skipif("not HERE")
def test_a_network_that_no_engine_takes_has_a_reason_and_prints_nothing(capfd):
    class Sorts(nn.Module):
        def forward(self, x):
            return torch.linalg.pinv(x.reshape(-1, 2, 2)).reshape(-1, 4)

    net = Net([Sorts()], Sample((4,)), 2)
    net.hang(0, nn.Linear(4, 2))
    ready, reasons = engines_of(net.eval().whole(), torch.randn(1, 4))
    assert not ready
    assert all("does not run it" in reasons[name] for name in HERE)
    assert capfd.readouterr().out == ""


def test_they_can_be_left_out(net, monkeypatch):
    monkeypatch.setenv(engines.ENGINES, "0")
    ready, reasons = engines_of(net.whole(), torch.randn(1, 3, 13, 9))
    assert not ready
    assert set(reasons.values()) == {"SEESAW_ENGINES=0 leaves it out"}


@pytest.mark.parametrize(("numbers", "bins"), [(13, 4), (9, 3), (5, 7), (4, 1)])
def test_the_matrix_of_means_is_pytorchs_adaptive_mean(numbers, bins):
    x = torch.randn(2, 3, numbers)
    torch.testing.assert_close(x @ means(numbers, bins).t(), F.adaptive_avg_pool1d(x, bins))
