"""Inputs of a replay: the policies that play, their settings, and the files that they play on."""

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
from bench.plugins.spec import Spec, near, parse, render
from bench.records.run_files import RunFiles
from bench.records.terms import Terms
from bench.replay.streams.matrix import read_stream
from bench.replay.streams.stream import Stream
from bench.replay.trace import Trace

CHANCE = 0.1
"""Share of samples that two traces may have in common by chance: some data sets hold a few samples twice."""


@dataclass
class Entrants:
    """The policies of a replay, by what they can do; one may be in several groups.

    Attributes:
        online: policies with terms of their own, by displayed name and terms, one for every value of a sweep.
        guests: policies and references that play a stream under the terms of `online`, by displayed name.
        alone: policies that decide for each sample by itself, by spec.
        chosen: all that play a stream, by displayed name, as the user gave them.
    """

    online: dict[tuple[str, Terms], Online] = field(default_factory=dict)
    guests: dict[str, Rule | Reference] = field(default_factory=dict)
    alone: dict[str, Choice[Policy]] = field(default_factory=dict)
    chosen: dict[str, Choice[Policy]] = field(default_factory=dict)

    @property
    def needs_logits(self) -> str | None:
        """The spec of a policy that can do nothing without logits; None where there is none."""
        return next(iter(self.streamless), None)

    @property
    def streamless(self) -> list[str]:
        """The specs of those that play no stream, and so are in no stream record."""
        return [name for name, one in self.alone.items() if not plays_streams(one.plugin)]


def entrants(specs: Sequence[str], sweep: Mapping[str, Sequence[str]]) -> Entrants:
    """Find policies, and sort them by what they can do.

    Args:
        specs: of policies, online or not, and of references.
        sweep: values, as text, of each swept setting; they are set in every online policy that has it.

    Raises:
        SeesawError: a spec is wrong or named twice, or no policy has a setting that is swept.
    """
    entered, unused = Entrants(), set(sweep)
    for text in specs:
        choice = choose(Policy, text)
        plugin = choice.plugin
        if choice.spec in (*entered.alone, *entered.guests):
            raise SeesawError(f"The policy {choice.spec} is named twice. Name it once.")
        if not (decides_alone(plugin) or plays_streams(plugin)):
            raise SeesawError(
                f"{choice.spec} decides nothing. Define `score` for samples that are alone, or `index` for a stream."
            )
        if decides_alone(plugin):
            entered.alone[choice.spec] = choice
        if isinstance(plugin, Online) and plays_streams(plugin):
            unused -= type(plugin).model_fields.keys()
            variants = _variants(choice, text, sweep)
            if twice := next((name for name, _ in variants.keys() & entered.online.keys()), None):
                raise SeesawError(f"The policy {twice} is named twice with one alpha, layer, offload and mu.")
            entered.online |= variants
            entered.chosen |= {name: choice for name, _ in variants}
        elif isinstance(plugin, Rule | Reference) and plays_streams(plugin):
            entered.guests[choice.spec] = plugin
            entered.chosen[choice.spec] = choice
    if unused:
        name = min(unused)
        settings = {key for one in entered.online.values() for key in type(one).model_fields}
        raise SeesawError(f"No online policy named has a setting {name!r} to sweep{near(name, settings)}")
    return entered


def _variants(
    choice: Choice[Policy], text: str, sweep: Mapping[str, Sequence[str]]
) -> dict[tuple[str, Terms], Online]:
    """A policy with every combination of the swept values that it has settings for, by name and terms."""
    kind, written = type(choice.plugin), dict(parse(text).settings)
    swept = [key for key in sweep if key in kind.model_fields]
    variants = {}
    for combination in itertools.product(*(sweep[key] for key in swept)):
        plugin = kind.read(choice.name, written | dict(zip(swept, combination, strict=True)))
        assert isinstance(plugin, Online)
        settings = {
            key: render(getattr(plugin, key))
            for key, setting in kind.model_fields.items()
            if key not in Terms._fields and (key in swept or getattr(plugin, key) != setting.default)
        }
        name = str(Spec(choice.name, settings))
        variants[name, plugin.terms] = plugin
    return variants


def values(texts: Sequence[str]) -> dict[str, list[str]]:
    """The values of each swept setting, from texts such as `offload=0.1:0.2:0.5`.

    Dots stand for equal steps: `offload=0.1:0.15:...:0.6`.

    Raises:
        SeesawError: no values, dots in another place, or a setting that is named twice.
    """
    swept: dict[str, list[str]] = {}
    for text in texts:
        key, equals, words = text.partition("=")
        items = [word.strip() for word in words.split(":") if word.strip()]
        if not (equals and key and items) or key in swept:
            raise SeesawError(
                f"--sweep {text!r} sweeps nothing, or what is swept already. Write --sweep offload=0.1:0.15:...:0.6."
            )
        swept[key] = _steps(text, items) if "..." in items else items
    return swept


def _steps(text: str, items: list[str]) -> list[str]:
    """The values, as text, that the four items `first, second, ..., last` stand for."""
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
    """Read numbers joined by colons.

    Args:
        text: the numbers.
        option: the option that they are given to, for the error.
        instead: the option's other values, for the error.

    Raises:
        SeesawError: a word is no number.
    """
    try:
        return [float(word) for word in text.split(":") if word]
    except ValueError as error:
        raise SeesawError(
            f"{option} {text!r} are no numbers. Join them by colons: 1:2.5:4{instead}."
        ) from error


def load(paths: Sequence[Path]) -> tuple[Stream, Trace | None]:
    """Returns (the streams of the files joined to one, their traces joined to one or None).

    There is no trace where a file has no logits.

    Raises:
        SeesawError: a file cannot be read, or they are not of one network.
    """
    streams, traces = zip(*(read_stream(path) for path in paths), strict=True)
    stream = streams[0] if len(streams) == 1 else Stream.joined(streams)
    if any(one is None for one in traces):
        return stream, None
    if len(traces) == 1:
        return stream, traces[0]
    logits, labels = (
        torch.cat([getattr(one, name) for one in traces], at) for name, at in (("logits", 1), ("labels", 0))
    )
    return stream, Trace(logits, labels, traces[0].costs)


def calibration_of(path: Path, file: Path | None, test: Trace, who: str) -> Trace:
    """The trace that thresholds come from: the user's file, else the one that lies beside a run's test trace.

    Args:
        path: the file or folder that is replayed.
        file: the user's; None where left out.
        test: the trace that is replayed.
        who: the policy that wants thresholds, for errors.

    Raises:
        SeesawError: there is none, it has no logits, is of another network, or holds samples of `test`.
    """
    if file is None and (run := RunFiles.at(path)) is not None and run.calibration.exists():
        file = run.calibration
    if file is None:
        raise SeesawError(
            f"{who} takes its thresholds from other samples than it is judged on. Name them: --calibration FILE."
        )
    calibration = read_stream(file)[1]
    if calibration is None:
        raise SeesawError(f"{file} has no logits, which {who} needs. Give logits, (exits, samples, classes).")
    exits, _, classes = test.logits.shape
    own_exits, _, own_classes = calibration.logits.shape
    if (exits, classes) != (own_exits, own_classes):
        raise SeesawError(
            f"{file} is of {counted(own_exits, 'exit')} and {counted(own_classes, 'class', 'classes')}, and what is replayed "
            f"of {exits} and {classes}. Give other samples of the same network."
        )
    if share := overlap(test, calibration):
        raise SeesawError(
            f"{file} holds the very samples that are judged: {share:.0%} of them, or of its own, are in both. Thresholds must "
            "come from others: --calibration FILE."
        )
    return calibration


def overlap(test: Trace, other: Trace) -> float:
    """The share of the smaller trace's samples that are in the larger one too; 0 where chance may explain it.

    Two samples are the same where their logits agree to the bit, and no other sample of either trace has
    these. Rounded logits of different samples may agree by chance, but no more often than inside one trace:
    a share counts where it exceeds the share of such twins by `CHANCE`.
    """
    tests, others = (
        Counter(hash(sample.tobytes()) for sample in trace.logits.transpose(0, 1).contiguous().numpy())
        for trace in (test, other)
    )
    if tests == others:
        return 1.0
    both = sum(count == 1 == others[sample] for sample, count in tests.items())
    share = both / min(tests.total(), others.total())
    twins = sum(count for count in tests.values() if count > 1) / tests.total()
    return share if share > twins + CHANCE else 0.0
