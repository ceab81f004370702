"""Networks of a plan: the records of all seeds of one run, with what each of its configurations takes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench.errors import SeesawError
from bench.kinds.device import Profile
from bench.records.mean import Mean
from bench.records.profile import PartTimes
from bench.records.record import Record
from bench.records.store import Store
from bench.replay.plan.configuration import Configuration, Facts, configurations
from bench.replay.plan.limits import Limits, Prefer
from bench.replay.plan.queue import Arrivals, Road, served
from bench.replay.plan.samples import Samples, samples_of


class Sides(NamedTuple):
    """The profiles of device and server, for one seed's record."""

    device: PartTimes
    server: PartTimes

    @property
    def clocks(self) -> str:
        """Whose times these are, and whether they are measured: networks are compared within one such text alone."""
        device, server = (f"{one.source} ({one.time})" for one in self)
        return device if device == server else f"{device}; the server: {server}"


@dataclass(frozen=True)
class Network:
    """One network, trained with one seed or several.

    Attributes:
        paths: of its records that may be computed with, by seed.
        records: of these.
        sides: the profiles for each.
        options: what each configuration takes, a member a seed; those alone that all seeds have.
    """

    paths: tuple[Path, ...]
    records: tuple[Record, ...]
    sides: tuple[Sides, ...]
    options: Mapping[Configuration, tuple[Facts, ...]]

    @property
    def name(self) -> str:
        """The model, as specs."""
        return self.records[0].setup.model

    @property
    def seeds(self) -> list[int]:
        return [one.seed for one in self.records]

    def reason(self, store: Store) -> str | None:
        """Why its numbers should not be believed; None where nothing is against it."""
        for path, record in zip(self.paths, self.records, strict=True):
            if reason := store.contested(path, record.faults(path, path.parents[2])):
                return f"{record.name}: {reason}"
        return None


class Left(Exception):
    """A network that takes no part, and the reason."""


def network_at(paths: list[Path], device: Profile, server: Profile) -> Network:
    """The network of a folder's records.

    Args:
        paths: of the records of all seeds, none of them contested by a note.
        device: the device's profile.
        server: the server's.

    Raises:
        Left: no profile has its times, or they were taken while other programs had the processor.
    """
    records: list[Record] = []
    sides: list[Sides] = []
    kept: list[Path] = []
    disturbed = 0
    for path in paths:
        try:
            record = Record.read(path)
            cuts, exits = len(record.cuts), len(record.exits)
            both = Sides(device.times(record).check(cuts, exits), server.times(record).check(cuts, exits))
        except SeesawError as error:
            raise Left(str(error)) from error
        if any(one.disturbed for one in both):
            disturbed += 1
            continue
        records.append(record)
        sides.append(both)
        kept.append(path)
    if not records:
        raise Left(
            f"the times of {counted_seeds(disturbed)} were taken while other programs had the processor"
        )
    clocks = sides[0].clocks
    same = [number for number, one in enumerate(sides) if one.clocks == clocks]
    records, sides = [records[one] for one in same], [sides[one] for one in same]
    kept = [kept[one] for one in same]
    by_seed = [dict(configurations(record, *both)) for record, both in zip(records, sides, strict=True)]
    shared = [one for one in by_seed[0] if all(one in other for other in by_seed)]
    options = {one: tuple(found[one] for found in by_seed) for one in shared}
    return Network(tuple(kept), tuple(records), tuple(sides), options)


def counted_seeds(count: int) -> str:
    """So many seeds, in words."""
    return f"{count} seed{'' if count == 1 else 's'}"


@dataclass(frozen=True)
class Costs:
    """What a configuration takes: means over seeds.

    Attributes:
        accuracy: share of right answers, with its interval.
        device_bytes: packed, on the device; None where unknown.
        latency: seconds within which all but the allowed share of requests is answered; infinite where they are not.
        mean: seconds to the answer; infinite where some request is never answered.
        late: share of requests after the limit; none without one.
        compute: joules of the device's computing; None where its power is unknown.
        radio: joules of its radio (modelled).
        sent: bytes a request.
        stays: share of requests that the device answers.
        is_replayed: whether requests were of single samples, from the run's folder, and not all of the mean one.
    """

    accuracy: Mean
    device_bytes: float | None
    latency: float
    mean: float
    late: float | None
    compute: float | None
    radio: float
    sent: float
    stays: float
    is_replayed: bool = False

    @property
    def energy(self) -> float | None:
        """Joules of the device for a request; None where the power of its computing is unknown."""
        return None if self.compute is None else self.compute + self.radio

    def value(self, prefer: Prefer) -> float:
        """The number to be as small as it can; accuracy with its sign turned."""
        if prefer == "accuracy":
            return -self.accuracy.value
        found = {
            "latency": self.latency, "energy": self.energy, "device-bytes": self.device_bytes, "sent": self.sent,
        }[prefer]  # fmt: skip
        return math.inf if found is None else found

    def excess(self, limits: Limits) -> dict[str, float]:
        """By limit, how far it is from being kept, as a share of the limit; those that are kept are left out."""
        pairs = {
            "--max-latency": (self.latency, limits.latency),
            "--max-device-bytes": (self.device_bytes, limits.device_bytes),
            "--max-energy": (self.energy, limits.energy),
        }
        over = {
            name: math.inf if value is None else (value - most) / max(most, 1e-300)
            for name, (value, most) in pairs.items()
            if most is not None and (value is None or value > most * (1 + 1e-9))
        }
        least = limits.accuracy
        if least is not None and self.accuracy.value < least - 1e-9:
            over["--min-accuracy"] = (least - self.accuracy.value) / least
        return over


@dataclass(frozen=True)
class Option:
    """A configuration of a network, before its requests are counted.

    Attributes:
        network: whose it is.
        configuration: of it.
        least: costs that counting never undercuts: nobody waits, and the link is at its best.
    """

    network: Network
    configuration: Configuration
    least: Costs

    @property
    def facts(self) -> tuple[Facts, ...]:
        """A member a seed."""
        return self.network.options[self.configuration]

    @property
    def is_even(self) -> bool:
        """Whether every sample that is sent has as many bytes."""
        return all(one.is_even for one in self.facts)


def options_of(network: Network, road: Road, miss: float) -> Iterator[Option]:
    """All configurations of a network, with the least that each can take."""
    for configuration, facts in network.options.items():
        sizes = [one.device_bytes for one in facts if one.device_bytes is not None]
        accuracy = Mean.of(one.accuracy for one in facts)
        assert accuracy is not None
        compute = _joules([one.compute for one in facts], network.sides)
        radio = _mean([one.sent * road.least_joules(one.framed) if one.sent else 0.0 for one in facts])
        seconds = _mean([one.least(road, miss) for one in facts])
        yield Option(network, configuration, Costs(
            accuracy, _mean(sizes) if len(sizes) == len(facts) else None, seconds, seconds, None, compute, radio,
            _mean([one.sent * one.framed for one in facts]), _mean([1.0 - one.sent for one in facts]),
        ))  # fmt: skip


def replayed(option: Option, store: Store) -> tuple[Samples, ...] | None:
    """The samples of a configuration, a member a seed, where some send more than others and all seeds' folders are here; else None.

    Raises:
        SeesawError: a file in a folder is damaged.
    """
    if option.is_even or not option.least.sent:
        return None
    network, found = option.network, []
    for path, record, facts in zip(network.paths, network.records, option.facts, strict=True):
        samples = samples_of(record, store.run_files(path), option.configuration, facts)
        if samples is None:
            return None
        found.append(samples)
    return tuple(found)


def played(
    option: Option, arrivals: Arrivals, road: Road, limits: Limits, samples: tuple[Samples, ...] | None = None
) -> Costs:
    """The costs of a configuration when requests come: each waits for those before it, and the link is as its table says.

    Args:
        option: the configuration.
        arrivals: of the requests.
        road: between device and server.
        limits: to keep to.
        samples: that requests are of, a member a seed; left out, all send the mean.
    """
    quantiles, means, lates, computes, radios, sents, stays = ([] for _ in range(7))
    for place, facts in enumerate(option.facts):
        work = facts.work(arrivals) if samples is None else samples[place].work(facts, arrivals)
        found = served(work, arrivals, road)
        in_order = np.sort(found.seconds)
        allowed = math.floor(limits.miss * len(in_order) + 1e-9)
        quantiles.append(float(in_order[len(in_order) - 1 - min(allowed, len(in_order) - 1)]))
        means.append(float(found.seconds.mean()))
        if limits.latency is not None:
            lates.append(float((found.seconds > limits.latency * (1 + 1e-9)).mean()))
        computes.append(found.compute)
        radios.append(found.radio)
        sents.append(found.sent)
        stays.append(1.0 - float(work.is_sent.mean()))
    return Costs(
        option.least.accuracy, option.least.device_bytes, _mean(quantiles), _mean(means), _mean(lates) if lates else None,
        _joules(computes, option.network.sides), _mean(radios), _mean(sents), _mean(stays), samples is not None,
    )  # fmt: skip


def _joules(seconds: list[float], sides: tuple[Sides, ...]) -> float | None:
    """Joules of computing; None where a device's power is unknown."""
    watts = [one.device.watts for one in sides]
    joules = [one * power for one, power in zip(seconds, watts, strict=True) if power is not None]
    return _mean(joules) if len(joules) == len(seconds) else None


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
