"""Crossings: the bytes of a feature at each cut, and the accuracy behind the cut with each codec."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from bench.kinds.codec import Codec
from bench.kinds.sending import Message, send
from bench.kinds.task import Data, Split
from bench.measuring.inputs import input_codecs
from bench.measuring.tracing import batches
from bench.network.crossing import Crossing
from bench.network.net import Net
from bench.plugins.plugin import Choice
from bench.records.reading import Reading, Readings
from bench.records.record import Behind, Early
from bench.replay.exits.decide import apart, decide
from bench.replay.exits.scores import top
from bench.replay.exits.shipped import Shipped


class CodecTally:
    """Bytes and logits of one codec at one cut, collected batch by batch.

    Args:
        shipped: policies that decide which samples cross.
    """

    def __init__(self, shipped: Sequence[Shipped] = ()) -> None:
        self.raw: list[int] = []
        self.framed: list[int] = []
        self.logits: list[Tensor] = []
        """(exits, N, classes) for each batch; of the last exit alone where no policy decides"""
        self.shipped = shipped

    def add(self, messages: Sequence[Message], logits: Sequence[Tensor]) -> None:
        """Count one batch.

        Args:
            messages: one for each sample.
            logits: of each exit, (N, classes): the device's, then the server's, from the decoded feature.
        """
        self.raw += [message.payload for message in messages]
        self.framed += [len(message.frames) for message in messages]
        self.logits.append(torch.stack(list(logits if self.shipped else logits[-1:])))

    def behind(self, labels: Tensor, local: int) -> list[tuple[int, Behind]]:
        """For each policy: samples that leave at the first `local` exits; others' bytes and right answers."""
        raw, framed = torch.tensor(self.raw), torch.tensor(self.framed)
        logits, samples = torch.cat(self.logits, 1), torch.arange(len(labels))
        counts = []
        for one in self.shipped:
            exits = apart(decide, one.policy, [one.state], logits)[0]
            crosses, right = exits >= local, logits[exits, samples].argmax(1) == labels
            sums = (int(part.sum()) for part in (raw[crosses], framed[crosses], right))
            counts.append(
                (int((~crosses).sum()), Behind(**dict(zip(Behind.model_fields, sums, strict=True))))
            )
        return counts

    def readings(self, labels: Tensor, name: str) -> Readings:
        """Payload, framed payload and accuracy under the codec's name."""
        logits, source = torch.cat(self.logits, 1)[-1], f"codec {name}, test split"

        def bytes_of(counts: list[int]) -> Reading:
            quarter, half, rest = (
                torch.tensor(counts).double().quantile(torch.tensor([0.25, 0.5, 0.75]).double())
            )
            return Reading(
                value=float(half),
                low=float(quarter),
                high=float(rest),
                unit="B",
                source=source,
                n=len(counts),
            )

        return {
            f"payload.{name}": bytes_of(self.raw),
            f"framed.{name}": bytes_of(self.framed),
            f"top1.{name}": Reading(value=top(logits, labels, 1), unit="share", source=source, n=len(labels)),
            f"top5.{name}": Reading(value=top(logits, labels, 5), unit="share", source=source, n=len(labels)),
        }


class Crossed(NamedTuple):
    """The measurements at one cut.

    Attributes:
        readings: `payload.C` and `framed.C` in bytes, `top1.C` and `top5.C`, for every codec C.
        early: for each policy, the samples that leave on the device and the bytes of the others; empty where
            the device has no exit.
    """

    readings: Readings
    early: list[Early]


@torch.no_grad()
def crossings(
    net: Net,
    data: Data,
    split: Split,
    codecs: list[Choice[Codec]],
    device: torch.device,
    shipped: Sequence[Shipped] = (),
    report: Callable[[float, float, str], None] = lambda done, total, line: None,
) -> dict[int, Crossed]:
    """Send every sample of a split through every codec at every cut.

    Cut 0 sends the input: images as 8-bit values and as JPEG, texts as token ids without padding. The last
    cut sends nothing. Where heads behind a cut read the logits of heads before it, these go with the feature.

    Args:
        net: in eval mode, on `device`.
        data: the data that the split belongs to.
        split: the samples to send.
        codecs: for every cut but the first and the last.
        device: where the network computes.
        shipped: policies that decide which samples cross.
        report: called with the samples done, all samples, and a line of text.

    Returns:
        The measurements by cut, without the last cut.
    """
    tallies: dict[int, dict[str, CodecTally]] = {
        k: defaultdict(partial(CodecTally, shipped if _local(net, k) else ())) for k in range(len(net.stages))
    }
    first = Crossing(tuple(split.inputs.shape[1:]), carried=0, classes=net.classes)
    cuts = [first, *(net.crossing(k) for k in range(1, len(net.stages)))]
    inputs = input_codecs(split.inputs, net.sample.vocabulary)
    inner = {codec.spec: codec.plugin for codec in codecs}
    for rows in batches(split):
        report(rows.start, len(split.labels), "features through codecs")
        raw = split.inputs[rows]
        crossing, exit_logits = net.passed(data.scale(raw.to(device)))
        whole = [one.float().cpu() for one in exit_logits]
        for k, cut in enumerate(cuts):
            x = crossing[k].float().cpu() if k else raw
            for name, codec in (inner if k else inputs).items():
                messages, arrived = send(cut, x, codec)
                after = whole
                if not torch.equal(arrived, x):
                    arrived = arrived.to(device)
                    server = behind(net, k, arrived if k else data.scale(arrived))
                    after = [*whole[: _local(net, k)], *server]
                tallies[k][name].add(messages, after)
    return {
        k: Crossed(
            {
                key: reading
                for name, tally in by_codec.items()
                for key, reading in tally.readings(split.labels, name).items()
            },
            _early(by_codec, split.labels, shipped, _local(net, k)),
        )
        for k, by_codec in tallies.items()
    }


def _early(
    tallies: Mapping[str, CodecTally], labels: Tensor, shipped: Sequence[Shipped], local: int
) -> list[Early]:
    """For each policy, with `local` exits on the device: samples that leave, and bytes of the others."""
    if not local:
        return []
    counts = {name: tally.behind(labels, local) for name, tally in tallies.items()}
    return [
        Early(
            policy=one.spec,
            point=one.point,
            device=next((rows[number][0] for rows in counts.values()), 0),
            behind={name: rows[number][1] for name, rows in counts.items()},
        )
        for number, one in enumerate(shipped)
    ]


def _local(net: Net, k: int) -> int:
    """The number of exits on the device's side of cut k."""
    return sum(stage < k for stage in net.exits)


def behind(net: Net, k: int, x: Tensor) -> list[Tensor]:
    """The logits of the server's exits from the tensor x that arrived at cut k, on the CPU."""
    return [one.float().cpu() for one in net.cut(k)[1].run(x)[1:]]
