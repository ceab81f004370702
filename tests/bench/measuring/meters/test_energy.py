"""Energy from counters, and by the model.

Covers: bench/records/energy_model.py
"""

import sys
import types

import pytest
import torch
from torch import nn

from bench import Net, Sample, Subject
from bench.measuring.meters.energy import Energy, nvml, rapl
from bench.records.energy_model import MODEL, modelled
from tests.bench.ticks import Ticks


def tree(root, packages=2, energy=1_000_000, span=10_000_000):
    """A powercap tree as Linux shows it: packages with sub-zones."""
    for number in range(packages):
        for name in (f"intel-rapl:{number}", f"intel-rapl:{number}:0"):
            zone = root / name
            zone.mkdir(parents=True)
            (zone / "energy_uj").write_text(f"{energy}\n")
            (zone / "max_energy_range_uj").write_text(f"{span}\n")
            (zone / "name").write_text("package-0\n" if name.count(":") == 1 else "core\n")
    return root


def test_rapl_adds_packages_and_leaves_their_sub_zones_out(tmp_path):
    counter = rapl(tree(tmp_path))
    assert counter.joules() == 0
    for number in range(2):
        (tmp_path / f"intel-rapl:{number}" / "energy_uj").write_text("3000000")
    assert counter.joules() == pytest.approx(4.0)
    assert counter.joules() == pytest.approx(4.0)


def test_the_whole_board_is_not_counted_beside_its_packages(tmp_path):
    root = tree(tmp_path)
    (root / "intel-rapl:1" / "name").write_text("psys\n")
    counter = rapl(root)
    for number in range(2):
        (root / f"intel-rapl:{number}" / "energy_uj").write_text("3000000")
    assert counter.joules() == pytest.approx(2.0)


def test_rapl_wraps_round(tmp_path):
    counter = rapl(tree(tmp_path, packages=1, energy=9_500_000))
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("499999")
    assert counter.joules() == pytest.approx(1.0)


def test_without_a_counter_there_is_a_reason_and_no_number(tmp_path):
    assert "no RAPL package domain" in rapl(tmp_path)
    root = tree(tmp_path / "unreadable")
    (root / "intel-rapl:0" / "energy_uj").write_text("locked")
    assert "cannot be read" in rapl(root)


def test_the_model_is_its_formula():
    assert modelled(1e6, 0) == pytest.approx(4.6e-6)
    assert modelled(0, 8) == pytest.approx(1300e-12)


class Meter:
    """A counter that gives two joules a second, and ten more for every call."""

    source = "test"

    def __init__(self, clock):
        self.clock, self.calls = clock, 0

    def joules(self):
        return 2 * self.clock.now + 10 * self.calls


def test_idle_energy_is_subtracted():
    clock = Ticks()
    counter = Meter(clock)

    def job():
        clock.now += 0.25
        counter.calls += 1

    reading = Energy(window=1.0).joules_of(counter, job, torch.device("cpu"), clock)
    assert reading.value == pytest.approx(10)
    assert reading.n == 5
    assert reading.source.startswith("test, above idle")


@pytest.fixture
def subject():
    net = Net([nn.Linear(4, 4)], Sample((4,)), 2)
    net.hang(0, nn.Linear(4, 2))
    return Subject(net, torch.device("cpu"))


def test_a_modelled_figure_never_stands_in_the_measured_column(monkeypatch, subject, tmp_path):
    monkeypatch.setattr("bench.measuring.meters.energy.rapl", lambda: rapl(tmp_path))
    measured = Energy().measure(subject)
    assert list(measured.exits[0]) == [f"energy.{MODEL}"]
    assert "no RAPL package domain" in measured.absent["energy"]


class Rising:
    """A counter that rises only while there is work: by a step in two readings, by nothing at rest."""

    source = "rapl, fake"

    def __init__(self, step):
        self.looks, self.step = 0, step

    def joules(self):
        self.looks += 1
        return self.step * (self.looks // 4)  # rest, rest, work, work


def test_a_counter_that_stands_still_gives_no_number(monkeypatch, subject):
    monkeypatch.setattr("bench.measuring.meters.energy.rapl", lambda: Rising(0.0))
    measured = Energy(window=0.01, windows=2).measure(subject)
    assert "energy" not in measured.exits[0]
    assert "no faster than at idle" in measured.absent["energy"]


def test_a_measured_figure_stands_beside_the_modelled_one(monkeypatch, subject):
    monkeypatch.setattr("bench.measuring.meters.energy.rapl", lambda: Rising(1.0))
    measured = Energy(window=0.01, windows=2).measure(subject)
    assert measured.exits[0]["energy"].source.startswith("rapl")
    assert "energy" not in measured.absent


class FakeNvml:
    """The binding, with a GPU that has used 2.5 J, and 5 J at the next look."""

    def __init__(self, broken=False):
        self.millijoules, self.broken = iter([2500, 5000, 5000]), broken

    def nvmlInit(self):
        if self.broken:
            raise RuntimeError("NVML Shared Library Not Found")

    def nvmlDeviceGetHandleByUUID(self, uuid):
        return uuid

    def nvmlDeviceGetTotalEnergyConsumption(self, handle):
        assert handle == "GPU-1f2e"
        return next(self.millijoules)


def test_nvml_is_read_in_joules(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml())
    card = types.SimpleNamespace(uuid="1f2e")  # the card that CUDA calls 0, whatever NVML calls it
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: card)
    counter = nvml(torch.device("cuda"))
    assert counter.joules() == pytest.approx(5.0)
    assert counter.source.startswith("nvml")


def test_without_nvml_there_is_a_reason(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(broken=True))
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: types.SimpleNamespace(uuid="1"))
    assert "NVML Shared Library Not Found" in nvml(torch.device("cuda"))
