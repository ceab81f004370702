"""Crossings: samples sent through every codec at every cut; their bytes, and how they are answered behind it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from bench.kinds.codec import Codec
from bench.kinds.sending import send
from bench.kinds.task import Data, Split
from bench.measuring.inputs import input_codecs
from bench.measuring.passes import Passes
from bench.measuring.tracing import fitting
from bench.network.crossing import Crossing
from bench.network.net import Net
from bench.plugins.plugin import Choice
from bench.records.reading import LEAST_SENT
from bench.replay.trace import Trace

TIGHT = 0.005
"""After the first samples (`LEAST_SENT`) more follow until the 95% interval of the accuracy that a codec costs reaches at
most so far to either side, as a share."""
BATCH = 250


@dataclass
class Sent:
    """Samples that crossed one cut through one codec, in the order in which they were sent.

    Attributes:
        payload: bytes of each sample's feature, and of the logits that go with it.
        framed: the same in their frames, as they travel.
        logits: of the server's exits, from what arrived, a batch each, (server's exits, N, classes).
        changed: how many samples the last exit is right about behind the cut alone, or without it alone.
    """

    payload: list[int] = field(default_factory=list)
    framed: list[int] = field(default_factory=list)
    logits: list[Tensor] = field(default_factory=list)
    changed: int = 0

    @property
    def is_settled(self) -> bool:
        """Whether more samples would hardly change what the codec costs: the variance of a change is at most their share."""
        n = len(self.payload)
        return n >= LEAST_SENT and 1.96 * math.sqrt(self.changed + 1) / n <= TIGHT

    @property
    def answers(self) -> Tensor:
        """The classes that the server's exits answer with, int16 (server's exits, N)."""
        return torch.cat(self.logits, 1).argmax(2).to(torch.int16)


@dataclass(frozen=True)
class Crossings:
    """All samples that were sent.

    Attributes:
        samples: their places in the split, in the order in which they were sent, int64; a codec that needs fewer than
            others was sent the first of them.
        sent: by cut and codec.
    """

    samples: Tensor
    sent: dict[int, dict[str, Sent]]

    def tensors(self) -> dict[str, Tensor]:
        """What each sample costs and how it is answered: those that crossed every cut through every codec, by their places.

        Returns:
            `samples`, rising, int64 (N,); and by `{cut}/{codec}/` `bytes` and `framed`, int64 (N,), and `answers`, int16
            (server's exits, N).
        """
        each = [one for by_codec in self.sent.values() for one in by_codec.values()]
        n = min((len(one.payload) for one in each), default=0)
        samples, order = self.samples[:n].sort()
        tensors = {"samples": samples}
        for k, by_codec in self.sent.items():
            for name, one in by_codec.items():
                tensors[f"{k}/{name}/bytes"] = torch.tensor(one.payload)[order]
                tensors[f"{k}/{name}/framed"] = torch.tensor(one.framed)[order]
                tensors[f"{k}/{name}/answers"] = one.answers[:, order].contiguous()
        return tensors


@torch.no_grad()
def crossings(
    passes: Passes,
    data: Data,
    split: Split,
    uncut: Trace,
    codecs: Mapping[int, Mapping[str, Codec]],
    report: Callable[[float, float, str], None] = lambda done, total, line: None,
) -> Crossings:
    """Send samples of a split through every codec at every cut, as many as are needed to tell what it costs.

    Where heads behind a cut read the logits of heads before it, these go with the feature. A codec that gives back what it
    was given needs no second pass through the server's part.

    Args:
        passes: of the network.
        data: the data that the split belongs to.
        split: the samples to send, evenly drawn where not all of them are needed.
        uncut: the trace of the split: its answers without a cut.
        codecs: by cut, and then by the name that readings get (`codecs_at`).
        report: called with the samples done, all samples, and a line of text.
    """
    net = passes.net
    cuts = {
        k: net.crossing(k) if k else Crossing(tuple(split.inputs.shape[1:]), carried=0, classes=net.classes)
        for k in codecs
    }
    sent = {k: {name: Sent() for name in by_name} for k, by_name in codecs.items()}
    places, done = _order(len(split.labels)), 0
    for rows in places.split(fitting(net, BATCH)):
        open_ = {k: [n for n, one in by_codec.items() if not one.is_settled] for k, by_codec in sent.items()}
        if not any(open_.values()):
            break
        report(done, len(places), "features through codecs")
        raw, labels = split.inputs[rows], split.labels[rows]
        features = passes.features(data.scale(raw.to(passes.device)))
        whole = uncut.logits[:, rows]
        for k, names in open_.items():
            x = features[k].float().cpu() if k else raw
            for name in names:
                messages, arrived = send(cuts[k], x, codecs[k][name])
                one, after = sent[k][name], whole[net.local(k) :]
                if not torch.equal(arrived, x):
                    arrived = arrived.to(passes.device)
                    after = passes.logits(arrived if k else data.scale(arrived), k)
                one.payload += [message.payload for message in messages]
                one.framed += [len(message.frames) for message in messages]
                one.logits.append(after)
                right = [logits[-1].argmax(1) == labels for logits in (after, whole)]
                one.changed += int((right[0] != right[1]).sum())
        done += len(rows)
    return Crossings(places[:done].clone(), sent)


def codecs_at(net: Net, split: Split, codecs: Sequence[Choice[Codec]]) -> dict[int, dict[str, Codec]]:
    """The codecs of a run at every cut but the last, which sends nothing.

    Cut 0 sends the input: images as 8-bit values and as JPEG, texts as token ids without padding.

    Args:
        net: the network.
        split: its inputs, before they are scaled.
        codecs: of features.
    """
    inner = {codec.spec: codec.plugin for codec in codecs}
    inputs = input_codecs(split.inputs, net.sample.vocabulary)
    return {k: dict(inner) if k else inputs for k in range(len(net.stages))}


def _order(samples: int) -> Tensor:
    """The places of samples in the order in which they are sent: as they lie where all are needed, else drawn."""
    if samples <= LEAST_SENT:
        return torch.arange(samples)
    return torch.randperm(samples, generator=torch.Generator().manual_seed(0))
