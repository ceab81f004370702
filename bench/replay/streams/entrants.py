"""Inputs of a replay: who plays, with which settings, on which files."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from bench.errors import SeesawError, counted
from bench.kinds.bases.online import Online, Rule, plays_streams
from bench.kinds.policy import Policy, Reference, decides_alone
from bench.plugins.plugin import Choice, choose
from bench.plugins.spec import near, parse, render
from bench.records.terms import Terms
from bench.replay.streams.matrix import read
from bench.replay.streams.stream import Stream
from bench.replay.trace import Trace

CHANCE = 0.1
"""Share of samples that two traces may have in common, as data sets with a few samples twice do."""


@dataclass
class Entrants:
    """Who was named, by what they can do; one may do both.

    Attributes:
        online: by the names to show, for every value of a sweep.
        guests: that play a stream under the others' terms, references among them.
        alone: that decide for each sample by itself.
        chosen: those who play a stream, by the names to show, as they were named.
    """

    online: dict[tuple[str, Terms], Online] = field(default_factory=dict)
    guests: dict[str, Rule | Reference] = field(default_factory=dict)
    alone: dict[str, Choice[Policy]] = field(default_factory=dict)
    chosen: dict[str, Choice[Policy]] = field(default_factory=dict)

    @property
    def needs_logits(self) -> str | None:
        """One that can do nothing without logits, if there is one."""
        return next(iter(self.streamless), None)

    @property
    def streamless(self) -> list[str]:
        """Those that play no stream, and so are in no stream record."""
        return [name for name, one in self.alone.items() if not plays_streams(one.plugin)]


def entrants(specs: Sequence[str], sweep: Mapping[str, Sequence[str]]) -> Entrants:
    """Find the policies that were named.

    Args:
        specs: of policies, online or not, and of references.
        sweep: words for settings, each of which is set in every policy that has it.

    Raises:
        SeesawError: a spec is wrong or named twice, or no policy has a setting that is swept.
    """
    found, unused = Entrants(), set(sweep)
    for text in specs:
        choice = choose(Policy, text)
        plugin = choice.plugin
        if choice.spec in (*found.alone, *found.guests):
            raise SeesawError(f"The policy {choice.spec} is named twice. Name it once.")
        if not (decides_alone(plugin) or plays_streams(plugin)):
            raise SeesawError(
                f"{choice.spec} decides nothing. Define `score` for samples that are alone, or `index` for a stream."
            )
        if decides_alone(plugin):
            found.alone[choice.spec] = choice
        if isinstance(plugin, Online) and plays_streams(plugin):
            unused -= type(plugin).model_fields.keys()
            own = _swept(choice, text, sweep)
            if twice := next((name for name, _ in own.keys() & found.online.keys()), None):
                raise SeesawError(f"The policy {twice} is named twice with one alpha, layer, offload and mu.")
            found.online |= own
            found.chosen |= {name: choice for name, _ in own}
        elif isinstance(plugin, Rule | Reference) and plays_streams(plugin):
            found.guests[choice.spec] = plugin
            found.chosen[choice.spec] = choice
    if unused:
        name, known = min(unused), {key for one in found.online.values() for key in type(one).model_fields}
        raise SeesawError(f"No online policy named has a setting {name!r} to sweep{near(name, known)}")
    return found


def _swept(
    choice: Choice[Policy], text: str, sweep: Mapping[str, Sequence[str]]
) -> dict[tuple[str, Terms], Online]:
    """A policy with every combination of the values that it has settings for."""
    kind, written = type(choice.plugin), dict(parse(text).settings)
    own = [key for key in sweep if key in kind.model_fields]
    found = {}
    for combination in itertools.product(*(sweep[key] for key in own)):
        plugin = kind.read(choice.name, written | dict(zip(own, combination, strict=True)))
        assert isinstance(plugin, Online)
        told = [
            f"{key}={render(getattr(plugin, key))}"
            for key, setting in kind.model_fields.items()
            if key not in Terms._fields and (key in own or getattr(plugin, key) != setting.default)
        ]
        name = f"{choice.name}[{','.join(told)}]" if told else choice.name
        found[name, plugin.terms] = plugin
    return found


def values(texts: Sequence[str]) -> dict[str, list[str]]:
    """The values of each swept setting: `offload=0.1:0.2:0.5`, or with dots for equal steps `offload=0.1:0.15:...:0.6`.

    Raises:
        SeesawError: no values, dots in another place, or a setting that is named twice.
    """
    found: dict[str, list[str]] = {}
    for text in texts:
        key, equals, words = text.partition("=")
        items = [word.strip() for word in words.split(":") if word.strip()]
        if not (equals and key and items) or key in found:
            raise SeesawError(
                f"--sweep {text!r} sweeps nothing, or what is swept already. Write --sweep offload=0.1:0.15:...:0.6."
            )
        found[key] = _steps(text, items) if "..." in items else items
    return found


def _steps(text: str, items: list[str]) -> list[str]:
    try:
        first, second, dots, last = items
        start, step, end = float(first), float(second) - float(first), float(last)
        count = round((end - start) / step)
        if dots != "..." or count < 1 or count > 10_000 or not math.isclose(start + count * step, end):
            raise ValueError(text)
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        raise SeesawError(
            f"--sweep {text!r}: dots stand for equal steps from the first two values to the last. "
            "Write for example offload=0.1:0.15:...:0.6."
        ) from error
    return [f"{start + number * step:.12g}" for number in range(count + 1)]


def numbers(text: str, option: str, instead: str = "") -> list[float]:
    """Numbers joined by colons.

    Args:
        text: the numbers.
        option: that they were given for.
        instead: what else it takes, in words.

    Raises:
        SeesawError: they are none.
    """
    try:
        return [float(word) for word in text.split(":") if word]
    except ValueError as error:
        raise SeesawError(
            f"{option} {text!r} are no numbers. Join them by colons: 1:2.5:4{instead}."
        ) from error


def load(paths: Sequence[Path]) -> tuple[Stream, Trace | None]:
    """The streams of some files, one after the other, and their trace where all of them have logits.

    Raises:
        SeesawError: a file cannot be read, or they are not of one network.
    """
    streams, traces = zip(*(read(path) for path in paths), strict=True)
    stream = streams[0] if len(streams) == 1 else Stream.joined(streams)
    if any(one is None for one in traces):
        return stream, None
    if len(traces) == 1:
        return stream, traces[0]
    logits, labels = (
        torch.cat([getattr(one, name) for one in traces], at) for name, at in (("logits", 1), ("labels", 0))
    )
    return stream, Trace(logits, labels, traces[0].costs)


def calibration_of(path: Path, given: Path | None, test: Trace, who: str) -> Trace:
    """The trace that thresholds come from: the one that is given, else the one that lies beside a run's test trace.

    Args:
        path: of what is replayed.
        given: by the user.
        test: what is replayed.
        who: wants thresholds.

    Raises:
        SeesawError: there is none, it has no logits, is of another network, or holds the samples that are judged.
    """
    beside = (path if path.is_dir() else path.parent) / "calibration.safetensors"
    if given is None and (path.is_dir() or path.name == "test.safetensors") and beside.exists():
        given = beside
    if given is None:
        raise SeesawError(
            f"{who} takes its thresholds from other samples than it is judged on. Name them: --calibration FILE."
        )
    found = read(given)[1]
    if found is None:
        raise SeesawError(
            f"{given} has no logits, which {who} needs. Give logits, (exits, samples, classes)."
        )
    (exits, _, classes), (own, _, others) = test.logits.shape, found.logits.shape
    if (exits, classes) != (own, others):
        raise SeesawError(
            f"{given} is of {counted(own, 'exit')} and {counted(others, 'class', 'classes')}, and what is replayed of {exits} "
            f"and {classes}. Give other samples of the same network."
        )
    if share := judged(test, found):
        raise SeesawError(
            f"{given} holds the very samples that are judged: {share:.0%} of them, or of its own, are in both. Thresholds must "
            "come from others: --calibration FILE."
        )
    return found


def judged(test: Trace, other: Trace) -> float:
    """The share of the smaller trace's samples that are in the larger one too; 0 where chance may explain it.

    A sample is known by its logits to the bit, where no other of its own trace has the same ones. Rounded logits meet by
    chance, but no more often than inside one trace, so a share counts where it is `CHANCE` above that of such twins.
    """
    here, there = (
        Counter(hash(sample.tobytes()) for sample in trace.logits.transpose(0, 1).contiguous().numpy())
        for trace in (test, other)
    )
    if here == there:
        return 1.0
    both = sum(count == 1 == there[sample] for sample, count in here.items())
    share = both / min(here.total(), there.total())
    twins = sum(count for count in here.values() if count > 1) / here.total()
    return share if share > twins + CHANCE else 0.0
