"""Search: records looked at by what little their files say first, then read whole, then their requests counted."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.errors import SeesawError
from bench.kinds.device import Profile
from bench.records.glance import Glance, glances
from bench.records.store import Store
from bench.replay.plan.limits import Limits, Prefer
from bench.replay.plan.network import Costs, Left, Network, Option, network_at, options_of, played, replayed
from bench.replay.plan.queue import Arrivals, Road

SLACK = 0.02
"""Accuracy, as a share, by which a codec or other seeds may exceed what the first seed's exits can have together."""
TRIED = 60
"""Configurations whose requests are counted in search of the nearest to a limit that none keeps to."""


@dataclass(frozen=True)
class Asked:
    """A question to the records of a task.

    Attributes:
        limits: to keep to.
        prefer: what to be best in, among those that keep to them.
        device: the device's profile.
        server: the server's.
        road: between them.
        arrivals: of requests.
        look: networks that are read whole at most; 0 for all.
        runners: how many more answers to give.
        clocks: part of the name of the machine whose times count; empty for that of most networks.
        board: whose networks count, as records name it; empty for the board of the task without settings, else of most.
    """

    limits: Limits
    prefer: Prefer
    device: Profile
    server: Profile
    road: Road
    arrivals: Arrivals
    look: int = 60
    runners: int = 4
    clocks: str = ""
    board: str = ""


@dataclass(frozen=True)
class Found:
    """A configuration whose requests were counted."""

    option: Option
    costs: Costs


@dataclass
class Looked:
    """What was looked at.

    Attributes:
        records: files of the task.
        networks: folders of these: one network each, with all its seeds.
        whole: networks that were read whole.
        configurations: of these.
        played: configurations whose requests were counted.
        inaccurate: networks that cannot be accurate enough, by their first record.
        unread: networks that were neither, because there are more than `look`.
        most: the accuracy that no way of leaving early exceeds in these, by their first record.
        left: reasons why networks were left out, with how many there were.
        clocks: whose times count.
        board: whose networks count.
        trouble: sentences about files that cannot be read.
    """

    records: int = 0
    networks: int = 0
    whole: int = 0
    configurations: int = 0
    played: int = 0
    inaccurate: int = 0
    unread: int = 0
    most: float = 0.0
    left: Counter[str] = field(default_factory=Counter)
    clocks: str = ""
    board: str = ""
    trouble: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Answer:
    """The answer to a question.

    Attributes:
        found: what keeps to all limits, the best first, one configuration a network; empty where nothing does.
        alone: where nothing does: for each limit, the nearest to it among those that keep to all others, where there are any.
        nearest: then, the configuration that exceeds limits by the least in sum.
        looked: what was looked at.
        elsewhere: where nothing does: the best that does by the times of each other machine.
    """

    found: tuple[Found, ...]
    alone: dict[str, Found]
    nearest: Found | None
    looked: Looked
    elsewhere: tuple[Found, ...] = ()


def search(folder: Path, asked: Asked, store: Store) -> Answer:
    """The answer of a folder of records, such as `leaderboards/records/digits-v1`.

    Raises:
        SeesawError: there is no record, or none that has the times that are asked for.
    """
    looked = Looked()
    networks, others = _networks(folder, asked, looked)

    def options(of: Sequence[Network]) -> list[Option]:
        return [option for one in of for option in options_of(one, asked.road, asked.limits.miss)]

    own = options(networks)
    looked.configurations = len(own)
    if asked.limits.energy is not None and all(one.least.compute is None for one in own):
        raise SeesawError(
            "Energy has a limit, and the power of the device is unknown: no counter was read. Name it, such as "
            "--profile 'recorded[watts=2.5]', or leave --max-energy out."
        )
    counting = _Counting(asked, store, looked)
    found = counting.best(own, asked.limits, asked.prefer, asked.runners + 1)
    if found:
        return Answer(tuple(found), {}, None, looked)
    elsewhere = [counting.best(options(one), asked.limits, asked.prefer, 1) for one in others]
    return Answer((), *counting.nearest(own), looked, tuple(one[0] for one in elsewhere if one))


def _networks(folder: Path, asked: Asked, looked: Looked) -> tuple[list[Network], list[list[Network]]]:
    """The networks that are read whole: those of one machine's times, and those of each other one's."""
    by_folder: dict[Path, list[Path]] = defaultdict(list)
    for path in sorted(folder.glob("*/seed*.json")):
        looked.records += 1
        by_folder[path.parent].append(path)
    looked.networks = len(by_folder)
    firsts, looked.trouble = glances([paths[0] for paths in by_folder.values()])
    if not firsts:
        raise SeesawError(f"No record can be read below {folder}. Run networks first: seesaw run --task ...")
    least = (asked.limits.accuracy or 0.0) - SLACK
    able = [one for one in firsts if one.most >= least]
    looked.inaccurate = len(firsts) - len(able)
    able = able or firsts  # the nearest is asked for where none is accurate enough
    able.sort(key=lambda one: _promise(one, asked.limits, asked.prefer))
    chosen = able[: asked.look] if asked.look else able
    looked.unread = len(able) - len(chosen)
    looked.most = max((one.most for one in able[len(chosen) :]), default=0.0)
    networks = []
    for one in chosen:
        paths = by_folder[one.path.parent]
        try:
            networks.append(network_at(paths, asked.device, asked.server))
        except Left as reason:
            looked.left[str(reason)] += 1
    looked.whole = len(chosen)
    return _of_one_machine(_of_one_board(networks, folder.name, asked.board, looked), asked.clocks, looked)


def _promise(one: Glance, limits: Limits, prefer: Prefer) -> tuple[bool, float, float]:
    """What is read whole first: networks that keep to the limits all on the device, of these the best in what is preferred."""
    size, seconds = (math.inf if value is None else value for value in (one.bytes, one.latency))
    fits = (limits.device_bytes is None or size <= limits.device_bytes) and (
        limits.latency is None or seconds <= limits.latency
    )
    best = {"latency": seconds, "energy": seconds, "device-bytes": size}.get(prefer, 0.0)
    return not fits, best, -one.accuracy


def _of_one_board(networks: Sequence[Network], folder: str, board: str, looked: Looked) -> list[Network]:
    """The networks of the named board, else of the folder's own, else of that of most: other data is another question."""
    count = Counter(one.records[0].board for one in networks)
    if not count:
        return []
    looked.board = board or (folder if folder in count else max(count, key=lambda one: (count[one], one)))
    for one in count:
        if one != looked.board:
            looked.left[f"on another board, {one}"] += count[one]
    return [one for one in networks if one.records[0].board == looked.board]


def _of_one_machine(
    networks: Sequence[Network], clocks: str, looked: Looked
) -> tuple[list[Network], list[list[Network]]]:
    """The networks by the machine of their times: of the named one, else of that of most, and of each other one."""
    count = Counter(one.sides[0].clocks for one in networks)
    able = [one for one in count if clocks.lower() in one.lower()]
    if not able:
        names = "; ".join(count) or "; ".join(looked.left) or "none"
        raise SeesawError(
            f"No network has times of {clocks!r}. There are: {names}."
            if clocks
            else f"No network has the times that are asked for: {names[:300]} Choose another --profile and --server."
        )
    looked.clocks = max(able, key=lambda one: (count[one], one))
    for one in count:
        if one != looked.clocks:
            looked.left[f"timed otherwise, by {one}"] += count[one]
    by_clocks = {name: [one for one in networks if one.sides[0].clocks == name] for name in count}
    return by_clocks.pop(looked.clocks), list(by_clocks.values())


class _Counting:
    """Requests counted for one configuration after the other, and each only once."""

    def __init__(self, asked: Asked, store: Store, looked: Looked) -> None:
        self.asked, self.store, self.looked = asked, store, looked
        self._costs: dict[int, tuple[Option, Costs]] = {}  # options kept, so that their numbers stay theirs
        self._reasons: dict[int, str | None] = {}

    def costs(self, option: Option) -> Costs:
        """What a configuration takes when requests come."""
        key = id(option)
        if key not in self._costs:
            self.looked.played += 1
            samples = replayed(option, self.store)
            costs = played(option, self.asked.arrivals, self.asked.road, self.asked.limits, samples)
            self._costs[key] = option, costs
        return self._costs[key][1]

    def is_sound(self, network: Network) -> bool:
        """Whether nothing is against a network's numbers; what is joins the reasons."""
        key = id(network)
        if key not in self._reasons:
            self._reasons[key] = network.reason(self.store)
            if reason := self._reasons[key]:
                self.looked.left[f"not to be believed: {reason}"] += 1
        return self._reasons[key] is None

    def best(
        self, options: Sequence[Option], limits: Limits, prefer: Prefer, count: int, tries: int = 0
    ) -> list[Found]:
        """The best configurations that keep to limits, one a network.

        Args:
            options: all of them; they are counted in the order of the least that they can take.
            limits: to keep to.
            prefer: what to be best in.
            count: of configurations that are wanted.
            tries: configurations that are counted at most; 0 for as many as it takes.
        """
        able = [one for one in options if not one.least.excess(limits)]
        able.sort(key=lambda one: (one.least.value(prefer), one.least.latency, one.configuration.cut))
        found: dict[int, Found] = {}
        for tried, option in enumerate(able):
            worst = sorted(one.costs.value(prefer) for one in found.values())[count - 1 : count]
            if (worst and worst[0] <= option.least.value(prefer)) or (tries and tried >= tries):
                break
            before = found.get(id(option.network))
            if before is not None and before.costs.value(prefer) <= option.least.value(prefer):
                continue
            costs = self.costs(option)
            if costs.excess(limits) or not self.is_sound(option.network):
                continue
            if before is None or costs.value(prefer) < before.costs.value(prefer):
                found[id(option.network)] = Found(option, costs)
        return sorted(found.values(), key=lambda one: (one.costs.value(prefer), one.costs.latency))[:count]

    def nearest(self, options: Sequence[Option]) -> tuple[dict[str, Found], Found | None]:
        """For each limit, the nearest to it among those that keep to all others; and the nearest to all of them."""
        limits, alone = self.asked.limits, {}
        ways: dict[str, tuple[Limits, Prefer]] = {
            "--max-latency": (replace(limits, latency=None), "latency"),
            "--max-device-bytes": (replace(limits, device_bytes=None), "device-bytes"),
            "--max-energy": (replace(limits, energy=None), "energy"),
            "--min-accuracy": (replace(limits, accuracy=None), "accuracy"),
        }
        for name, (without, prefer) in ways.items():
            if without != limits and (found := self.best(options, without, prefer, 1)):
                alone[name] = found[0]
        if alone:
            return alone, None
        in_order = sorted(options, key=lambda one: sum(one.least.excess(limits).values()))[:TRIED]
        counted = [Found(one, self.costs(one)) for one in in_order if self.is_sound(one.network)]
        over = {id(one): sum(one.costs.excess(limits).values()) for one in counted}
        return {}, min(counted, key=lambda one: over[id(one)], default=None)
