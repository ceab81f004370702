"""Energy: read from a counter where one exists; a modelled figure stands apart and is never mixed with it."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Protocol

import torch
from pydantic import Field
from torch import Tensor

from bench.kinds.meter import Measurement, Meter, Subject
from bench.machine import WALL, Clock
from bench.network.macs import Tariff
from bench.network.net import Part
from bench.records.energy_model import MODEL, modelled
from bench.records.reading import Reading
from bench.shipping.packed.pack import FORMS, pack


class Counter(Protocol):
    """An energy counter: joules since some moment."""

    source: str

    def joules(self) -> float:
        """The counter now; only differences mean anything."""
        ...


@dataclass
class Rapl:
    """Linux RAPL: the package domains below /sys/class/powercap, with counters that wrap round."""

    zones: list[Path]
    source: str = "rapl, all packages"

    def __post_init__(self) -> None:
        self._last = [0] * len(self.zones)
        self._sum = 0.0
        self._ranges = [
            int((zone / "max_energy_range_uj").read_text(encoding="utf-8")) for zone in self.zones
        ]
        self._last = self._read()

    def _read(self) -> list[int]:
        return [int((zone / "energy_uj").read_text(encoding="utf-8")) for zone in self.zones]

    def joules(self) -> float:
        """Joules since this object was made; call it more often than the counter wraps (minutes)."""
        now = self._read()
        for before, after, span in zip(self._last, now, self._ranges, strict=True):
            self._sum += ((after - before) % (span + 1)) * 1e-6
        self._last = now
        return self._sum


def rapl(root: Path = Path("/sys/class/powercap")) -> Rapl | str:
    """The machine's RAPL counter, or why there is none."""
    try:
        zones = [z for z in sorted(root.glob("intel-rapl:*")) if _is_package(z)]
        return Rapl(zones) if zones else f"no RAPL package domain below {root}"
    except (OSError, ValueError) as error:
        return (
            f"RAPL below {root} cannot be read ({error}); on Linux its energy_uj files are root's by default"
        )


def _is_package(zone: Path) -> bool:
    """Whether a zone is a processor package: `psys`, the whole board, holds the packages and would count twice."""
    name = zone / "name"
    return (
        (zone / "energy_uj").exists()
        and name.exists()
        and name.read_text(encoding="utf-8").startswith("package")
    )


class Nvml:
    """NVIDIA's energy counter of one GPU, in millijoules (Volta and later)."""

    source = "nvml, whole GPU"

    def __init__(self, uuid: str) -> None:
        import pynvml

        pynvml.nvmlInit()
        self._nvml = pynvml
        self._handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)
        self.joules()

    def joules(self) -> float:
        """Joules since the driver was loaded."""
        return self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle) * 1e-3


def nvml(device: torch.device) -> Nvml | str:
    """The GPU's counter, or why there is none."""
    try:
        uuid = torch.cuda.get_device_properties(device).uuid  # NVML also numbers cards hidden from CUDA
        return Nvml(f"GPU-{uuid}")
    except Exception as error:  # the binding raises its own classes, which exist only where it is installed
        return f"NVML gives no energy ({error})"


class Energy(Meter):
    """Joules per inference, batch 1, to each exit: from NVML or RAPL where readable, and modelled apart."""

    quiet: ClassVar[bool] = True

    window: Annotated[float, Field(gt=0)] = 1.0
    """seconds for which each exit is repeated between two readings of a counter"""
    windows: Annotated[int, Field(ge=2)] = 5
    """how many windows, each with an idle one before it to subtract"""

    def measure(self, subject: Subject) -> Measurement:
        """Read a counter if there is one; compute the modelled figure in any case."""
        net, measurement, tariff = subject.net, Measurement(), subject.tariff or Tariff.of(subject.net)
        counter = nvml(subject.device) if subject.device.type == "cuda" else rapl()
        x = net.sample.blank(device=subject.device)
        for number, stage in enumerate(net.exits):
            part = Part(net, 0, stage + 1)
            forms = (pack(part, form, subject.values) for form in FORMS)
            smallest = min(len(data) for data in forms if data is not None)
            joules = modelled(tariff.upto(stage, effective=True), smallest)
            measurement.exits[number] = {
                f"energy.{MODEL}": Reading(value=joules, unit="J", source=f"modelled, {MODEL}")
            }
            if not isinstance(counter, str):
                subject.report(number, len(net.exits), "energy")
                reading = self.joules_of(counter, lambda part=part: part.answers(x), subject.device)
                if reading is not None:
                    measurement.exits[number]["energy"] = reading
                else:
                    measurement.absent["energy"] = (
                        "the counter rose no faster than at idle; let the machine rest"
                    )
        if isinstance(counter, str):
            measurement.absent["energy"] = counter
        return measurement

    def joules_of(
        self,
        counter: Counter,
        job: Callable[[], tuple[Tensor, list[Tensor]]],
        device: torch.device,
        clock: Clock = WALL,
    ) -> Reading | None:
        """Joules of one call above idle: windows of at least `window` seconds, median and quartiles.

        None where the counter rose no faster than at idle.
        """
        samples = []
        for _ in range(self.windows):
            idle = self._window(counter, lambda: clock.sleep(self.window), device, clock)
            busy = self._window(counter, job, device, clock)
            samples.append((busy.joules - idle.joules / idle.seconds * busy.seconds) / busy.calls)
        if statistics.median(samples) <= 0:
            return None  # the machine idled no lower than it worked: other programs were at work
        low, middle, high = (
            torch.tensor(samples).double().quantile(torch.tensor([0.25, 0.5, 0.75]).double()).tolist()
        )
        source = f"{counter.source}, above idle, windows of {self.window:g} s"
        return Reading(value=middle, low=low, high=high, n=self.windows, unit="J", source=source)

    def _window(
        self, counter: Counter, job: Callable[[], object], device: torch.device, clock: Clock
    ) -> Window:
        calls, start, before = 0, clock(), counter.joules()
        with torch.no_grad():
            while clock() - start < self.window:
                job()
                calls += 1
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return Window(counter.joules() - before, clock() - start, calls)


@dataclass
class Window:
    """The rise of a counter over some seconds, and how often a job was called in them."""

    joules: float
    seconds: float
    calls: int
