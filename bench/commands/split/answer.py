"""The answer of a plan in words and a table: what to ship, what it costs, what is known of it and what is not."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from bench.boards.units import in_bytes, joules, seconds
from bench.errors import counted
from bench.replay.plan.configuration import Configuration
from bench.replay.plan.limits import Limits
from bench.replay.plan.network import Costs, Option
from bench.replay.plan.search import Answer, Asked, Found

FEW = 3
"""Seeds from which on boards rank; an answer of fewer says so."""
HEADS = ("", "right", "seeds", "time", "mean", "on device", "energy", "sent", "stays")


def shown(answer: Answer, asked: Asked, channel: str) -> Iterator[tuple[Table | str, str | None]]:
    """The parts of the answer, each with its style."""
    limits = asked.limits
    if answer.found:
        best = answer.found[0]
        yield f"Ship {in_words(best.option)}.", "bold green"
        yield _kept(best.costs, limits), None
        yield from _rows(answer.found)
    else:
        yield "Nothing keeps to all limits.", "bold yellow"
        for name, found in answer.alone.items():
            yield f"{_missed(name, found, limits)} {_upper(in_words(found.option))}.", None
        if answer.nearest is not None:
            over = ", ".join(
                _over(name, answer.nearest.costs, limits) for name in answer.nearest.costs.excess(limits)
            )
            yield (
                f"No single limit stands alone in the way. Nearest to all is {in_words(answer.nearest.option)}: {over}.",
                None,
            )
        for found in answer.elsewhere:
            clocks = found.option.network.sides[0].clocks
            yield (
                f"By the times of another machine ({clocks}) this keeps to all: {in_words(found.option)}. Name it: --machine.",
                None,
            )
        shown_ones = [*answer.alone.values(), *([answer.nearest] if answer.nearest else [])]
        if shown_ones:
            yield from _rows(shown_ones)
    yield from ((sentence, None) for sentence in _notes(answer, asked, channel))


def in_words(option: Option) -> str:
    """A configuration of a network as one says it."""
    return f"{option.network.name}, {place_of(option)}{policy_of(option.configuration)}"


def place_of(option: Option) -> str:
    """Where the network is cut, in words."""
    configuration, record = option.configuration, option.network.records[0]
    if configuration.cut == len(record.cuts) - 1:
        return "all on the device"
    if configuration.cut == 0:
        return f"all on the server, the input sent as {configuration.codec}"
    return f"cut before stage {configuration.cut}, sent as {configuration.codec}"


def policy_of(configuration: Configuration) -> str:
    """The policy with its point, in words behind the place; empty where nothing leaves early."""
    if configuration.policy is None:
        return ""
    point = "its shipped point" if configuration.point is None else f"point {configuration.point}"
    return f", leaving early by {configuration.policy} at {point}"


def _kept(costs: Costs, limits: Limits) -> str:
    """The answer beside its limits, in one sentence."""
    parts = [
        f"{_percent(costs.accuracy.value)} right"
        + _interval(costs)
        + _asked(limits.accuracy, _percent, "at least")
    ]
    late = "" if costs.late is None else f", {costs.late:.2%} of requests later"
    parts.append(
        f"{1 - limits.miss:.4g} of answers within {seconds(costs.latency)}"
        + _asked(limits.latency, seconds, "limit")
        + late
    )
    if costs.device_bytes is not None:
        parts.append(
            f"{in_bytes(costs.device_bytes)} on the device" + _asked(limits.device_bytes, in_bytes, "limit")
        )
    if costs.energy is not None:
        parts.append(f"{joules(costs.energy)} a request" + _asked(limits.energy, joules, "limit"))
    return "; ".join(parts) + "."


def _asked(limit: float | None, text: object, word: str) -> str:
    return "" if limit is None else f" ({word} {text(limit)})"  # type: ignore[operator]


def _interval(costs: Costs) -> str:
    half = costs.accuracy.half
    return "" if half is None else f" +- {100 * half:.2f} points"


def _missed(name: str, found: Found, limits: Limits) -> str:
    """The sentence about a limit that alone is in the way."""
    return f"{name} alone is in the way: of those that keep to all others, the nearest has {_over(name, found.costs, limits)}."


def _over(name: str, costs: Costs, limits: Limits) -> str:
    """By how much a limit is exceeded, in words."""
    value, limit, text = {
        "--max-latency": (costs.latency, limits.latency, seconds),
        "--max-device-bytes": (costs.device_bytes, limits.device_bytes, in_bytes),
        "--max-energy": (costs.energy, limits.energy, joules),
        "--min-accuracy": (costs.accuracy.value, limits.accuracy, _percent),
    }[name]
    assert limit is not None
    if name == "--min-accuracy" and value is not None:
        return f"{text(value)} right, {100 * (limit - value):.2f} points less than {text(limit)}"
    if value is None:
        return f"no number for {name}"
    if math.isinf(value):
        return f"no answer at all to more requests than may be late, for {name} {text(limit)}"
    more = f"{value / limit:.3g} times" if value > 2 * limit else f"{value / limit - 1:.1%} more than"
    return f"{text(value)}, {more} {text(limit)}"


def _upper(text: str) -> str:
    return f"It is {text}"


def _rows(rows: Sequence[Found]) -> Iterator[tuple[Table | str, str | None]]:
    """A table of what each costs, and behind each number the configuration."""
    table = Table(*HEADS, box=SIMPLE_HEAD, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for number, one in enumerate(rows):
        costs = one.costs
        table.add_row(
            str(number + 1), _percent(costs.accuracy.value), str(costs.accuracy.n), _time(costs.latency), _time(costs.mean),
            "?" if costs.device_bytes is None else in_bytes(costs.device_bytes),
            "?" if costs.energy is None else joules(costs.energy), in_bytes(costs.sent) if costs.sent else "0",
            f"{costs.stays:.0%}",
        )  # fmt: skip
    yield table, None
    for number, one in enumerate(rows):
        yield f" {number + 1}  {in_words(one.option)}", None
    yield "", None


def _time(value: float) -> str:
    return "never" if math.isinf(value) else seconds(value)


def _percent(value: float) -> str:
    return f"{100 * value:.2f}%"


def _notes(answer: Answer, asked: Asked, channel: str) -> Iterator[str]:
    """What the numbers rest on, what is modelled, what is not known, and how much was looked at."""
    looked, rows = (
        answer.looked,
        answer.found or tuple(answer.alone.values()) or ((answer.nearest,) if answer.nearest else ()),
    )
    few = [one for one in rows[:1] if len(one.option.network.records) < FEW]
    if few:
        seeds = ", ".join(map(str, few[0].option.network.seeds))
        yield f"Careful: number 1 rests on {counted(len(few[0].option.network.records), 'seed')} ({seeds}); boards rank from {FEW} on. Run it with more: --seeds 0,1,2."
    low = (
        rows
        and answer.found
        and asked.limits.accuracy is not None
        and rows[0].costs.accuracy.low < asked.limits.accuracy
    )
    if low and not few:
        yield "Careful: the 95% interval of number 1's accuracy reaches below --min-accuracy."
    miss = asked.limits.miss
    yield (
        f"time: within which {1 - miss:.4g} of {counted(len(asked.arrivals.moments), 'request')} over {channel} are answered, waiting included; "
        "stays: share that the device answers. Times by " + looked.clocks + "."
    )
    if rows:
        yield from _modelled(rows[0], asked)
    unknown = "Not known without the run's folder: which samples send more than others"
    if rows and rows[0].costs.is_replayed:
        unknown += "; of number 1 it is here, and its requests are of single samples"
    elif rows and rows[0].costs.sent and not rows[0].option.is_even:
        unknown += "; times of number 1 are as if all sent the mean"
    elif rows and rows[0].costs.sent:
        unknown += "; of number 1 all send as many bytes"
    yield f"Known from records: accuracy, shares by exit, bytes and times of a mean sample. {unknown}."
    yield from _counts(answer, asked)


def _modelled(one: Found, asked: Asked) -> Iterator[str]:
    device, server = one.option.network.sides[0]
    words = [
        f"times of the {name}"
        for name, side in (("device", device), ("server", server))
        if side.time == "modelled"
    ]
    words += ["power of the device"] if device.energy == "modelled" else []
    conditions = asked.road.conditions
    if conditions.watts.any() or conditions.joules_per_byte.any() or conditions.tail_watts:
        words.append("energy of the radio")
    if words:
        yield f"Modelled, not measured: {', '.join(words)}."
    if one.costs.energy is None:
        yield "Energy is unknown, as the profile has no power: give --profile 'recorded[watts=2.5]'."


def _counts(answer: Answer, asked: Asked) -> Iterator[str]:
    looked = answer.looked
    yield (
        f"Looked at {counted(looked.records, 'record')} of {counted(looked.networks, 'network')} ({looked.board}): "
        f"{looked.whole} read whole, {looked.configurations:,} configurations, requests counted for {looked.played}. "
        f"The best of so many by the test split: expect a little less of new data."
    )
    if looked.inaccurate:
        yield f"{counted(looked.inaccurate, 'network')} set aside: by their first record's exits they are not within reach of --min-accuracy."
    if looked.unread:
        bound = (
            f" One of them may be up to {_percent(looked.most)} right, by its exits."
            if looked.most < 1
            else ""
        )
        yield f"{counted(looked.unread, 'network')} not read whole, as less promising at first sight.{bound} --look 0 reads all."
    for reason, count in looked.left.most_common(4):
        yield f"Left out: {counted(count, 'network')}: {reason}."
    if len(looked.left) > 4:
        yield f"Left out for other reasons: {counted(sum(looked.left.values()) - sum(n for _, n in looked.left.most_common(4)), 'network')}."
    for sentence in looked.trouble[:3]:
        yield f"Left out: {sentence}"
