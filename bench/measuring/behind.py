"""Behind: the bytes that cross each cut by each codec, and the accuracy behind it, with policies and without."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from bench.measuring.crossings import Crossings, Sent
from bench.records.reading import Reading, Readings
from bench.records.record import Behind, Early
from bench.replay.exits.decide import apart, decide
from bench.replay.exits.scores import top
from bench.replay.exits.shipped import Shipped
from bench.replay.trace import Trace


class Crossed(NamedTuple):
    """The measurements at one cut.

    Attributes:
        readings: `payload.C` and `framed.C` in bytes (medians), `volume.C` (the mean payload), `top1.C`, `top5.C` and
            `agree.C`, for every codec C.
        early: for each policy, the samples that leave on the device and the bytes of the others; empty where
            the device has no exit.
    """

    readings: Readings
    early: list[Early]


def crossed(crossings: Crossings, uncut: Trace, shipped: Sequence[Shipped]) -> dict[int, Crossed]:
    """The measurements at every cut but the last.

    Args:
        crossings: the samples that were sent.
        uncut: the trace of their split.
        shipped: policies that decide which samples cross.
    """
    exits = {one.spec: apart(decide, one.policy, [one.state], uncut.logits)[0] for one in shipped}
    found = {}
    for k, by_codec in crossings.sent.items():
        readings: Readings = {}
        for name, sent in by_codec.items():
            readings |= _readings(name, sent, uncut, crossings.samples)
        servers = next((len(sent.logits[0]) for sent in by_codec.values()), len(uncut.logits))
        local = len(uncut.logits) - servers
        early = [_early(one, exits[one.spec], local, by_codec, uncut, crossings.samples) for one in shipped]
        found[k] = Crossed(readings, early if local else [])
    return found


def _readings(name: str, sent: Sent, uncut: Trace, samples: Tensor) -> Readings:
    """Bytes and accuracies under a codec's name.

    Where a part of the split was sent, an accuracy is that of the whole split without a cut, and the difference that the
    codec makes to that part: so the draw of the part hardly matters. The agreement is the share of the samples sent that the
    last exit answers as it does without a cut.
    """
    rows, n, whole = samples[: len(sent.payload)], len(sent.payload), len(uncut.labels)
    there, own, labels = torch.cat(sent.logits, 1)[-1], uncut.logits[-1], uncut.labels
    source = f"codec {name}, test split"
    readings = {
        f"{kind}.{name}": _bytes(counts, source)
        for kind, counts in (("payload", sent.payload), ("framed", sent.framed))
    }
    for k in (1, 5):
        value = top(there, labels[rows], k)
        if n < whole:
            value += top(own, labels, k) - top(own[rows], labels[rows], k)
        readings[f"top{k}.{name}"] = Reading(
            value=min(max(value, 0.0), 1.0), unit="share", source=source, n=n
        )
    readings[f"volume.{name}"] = Reading(value=sum(sent.payload) / n, unit="B", source=source, n=n)
    alike = int((there.argmax(1) == own[rows].argmax(1)).sum())
    readings[f"agree.{name}"] = Reading(value=alike / n, unit="share", source=source, n=n)
    return readings


def _bytes(counts: Sequence[int], source: str) -> Reading:
    quarters = torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)
    low, middle, high = torch.tensor(counts, dtype=torch.float64).quantile(quarters).tolist()
    return Reading(value=middle, low=low, high=high, unit="B", source=source, n=len(counts))


def _early(
    one: Shipped, exits: Tensor, local: int, by_codec: dict[str, Sent], uncut: Trace, samples: Tensor
) -> Early:
    """The samples that leave at one of the device's `local` exits by one policy, and the bytes of the others by codec."""
    places = torch.arange(len(uncut.labels))
    right = uncut.logits[exits, places].argmax(1) == uncut.labels
    rows_of = {name: samples[: len(sent.payload)] for name, sent in by_codec.items()}
    logits_of = {
        name: torch.cat([uncut.logits[:local, rows_of[name]], torch.cat(sent.logits, 1)])
        for name, sent in by_codec.items()
    }
    left = apart(_decided, one, list(logits_of.values()))
    behind = {}
    for (name, sent), own in zip(by_codec.items(), left, strict=True):
        rows, logits, crosses = rows_of[name], logits_of[name], own >= local
        answers = logits[own, torch.arange(len(rows))].argmax(1) == uncut.labels[rows]
        part = len(rows) < len(places)
        behind[name] = Behind(
            payload=int(torch.tensor(sent.payload)[crosses].sum()),
            framed=int(torch.tensor(sent.framed)[crosses].sum()),
            right=int(answers.sum()),
            samples=len(rows) if part else None,
            device=int((~crosses).sum()) if part else None,
            uncut=int(right[rows].sum()) if part else None,
        )
    return Early(policy=one.spec, point=one.point, device=int((exits < local).sum()), behind=behind)


def _decided(one: Shipped, logits: Sequence[Tensor]) -> list[Tensor]:
    """Where a policy lets the samples of each of these logits leave."""
    return [decide(one.policy, [one.state], each)[0] for each in logits]
