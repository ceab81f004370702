"""Crossings: what a feature costs in bytes at each cut, and what a codec does to the accuracy behind it."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from bench.kinds.codec import Codec
from bench.kinds.frame import write_frame
from bench.kinds.sending import Message, send
from bench.kinds.task import Data, Split
from bench.measuring.tracing import batches
from bench.network.net import Net
from bench.plugins.plugin import Choice
from bench.records.reading import Reading, Readings
from bench.records.record import Behind, Early
from bench.replay.exits.decide import apart, decide
from bench.replay.exits.scores import top
from bench.replay.exits.shipped import Shipped

JPEG_QUALITY = 90


class CodecTally:
    """Bytes and answers of one codec at one cut, gathered batch by batch.

    Args:
        shipped: policies that decide who crosses.
    """

    def __init__(self, shipped: Sequence[Shipped] = ()) -> None:
        self.raw: list[int] = []
        self.framed: list[int] = []
        self.answers: list[Tensor] = []
        """(exits, N, classes), a batch each; of the last exit alone where no policy decides"""
        self.shipped = shipped

    def add(self, messages: Sequence[Message], answers: Sequence[Tensor]) -> None:
        """Count one batch.

        Args:
            messages: of each sample.
            answers: logits of each exit, (N, classes): the device's, and behind the decoder the server's.
        """
        self.raw += [one.payload for one in messages]
        self.framed += [len(one.frames) for one in messages]
        self.answers.append(torch.stack(list(answers if self.shipped else answers[-1:])))

    def behind(self, labels: Tensor, local: int) -> list[tuple[int, Behind]]:
        """By each policy, how many samples leave at the first `local` exits, and what the others send."""
        raw, framed = torch.tensor(self.raw), torch.tensor(self.framed)
        seen, each = torch.cat(self.answers, 1), torch.arange(len(labels))
        found = []
        for one in self.shipped:
            exits = apart(decide, one.policy, [one.state], seen)[0]
            crosses, right = exits >= local, seen[exits, each].argmax(1) == labels
            sums = (int(part.sum()) for part in (raw[crosses], framed[crosses], right))
            found.append((int((~crosses).sum()), Behind(**dict(zip(Behind.model_fields, sums, strict=True)))))
        return found

    def readings(self, labels: Tensor, name: str) -> Readings:
        """Payload, framed payload and accuracy under the codec's name."""
        logits, source = torch.cat(self.answers, 1)[-1], f"codec {name}, test split"

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
    """What crossings at one cut come to.

    Attributes:
        readings: `payload.C` and `framed.C` in bytes, `top1.C` and `top5.C`, for every codec C.
        early: what every policy leaves on the device and sends, where exits are there.
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

    Cut 0 sends the input: as the 8-bit image and as JPEG, where inputs are images; as its token ids without padding,
    where they are texts. The last cut sends nothing. Where heads behind a cut read the logits of those before it, these
    are sent with the feature.

    Args:
        net: in eval mode, on `device`.
        data: that the split is of.
        split: its samples are sent.
        codecs: through which, at every cut but the first and the last.
        device: that computes.
        shipped: policies that decide which samples cross.
        report: is told how far it is.

    Returns:
        By cut, without the last.
    """
    tallies: dict[int, dict[str, CodecTally]] = {
        k: defaultdict(partial(CodecTally, shipped if _local(net, k) else ())) for k in range(len(net.stages))
    }
    cuts = [net.crossing(k) for k in range(len(net.stages))]
    for rows in batches(split):
        report(rows.start, len(split.labels), "features through codecs")
        raw = split.inputs[rows]
        features, (_, answers, logits) = net.passed(data.scale(raw.to(device)))
        whole = [one.float().cpu() for one in answers]
        for name, (messages, seen) in _inputs(net, raw).items():
            if seen is None or torch.equal(seen, raw):
                answer = whole
            else:
                answer = behind(net, 0, data.scale(seen.to(device)))
            tallies[0][name].add(messages, answer)
        for k in range(1, len(net.stages)):
            x = cuts[k].join(features[k], logits).float().cpu()
            for codec in codecs:
                messages, arrived = send(cuts[k], x, codec.plugin)
                local = whole[: _local(net, k)]
                same = torch.equal(arrived, x)
                answer = whole if same else [*local, *behind(net, k, arrived.to(device))]
                tallies[k][codec.spec].add(messages, answer)
    return {
        k: Crossed(
            {
                key: one
                for name, tally in by_codec.items()
                for key, one in tally.readings(split.labels, name).items()
            },
            _early(by_codec, split.labels, shipped, _local(net, k)),
        )
        for k, by_codec in tallies.items()
    }


def _inputs(net: Net, raw: Tensor) -> dict[str, tuple[list[Message], Tensor | None]]:
    """The messages of inputs as they are, by form, and what a receiver sees; None where that is the same.

    Images go as their 8-bit values and as JPEG, texts as token ids.
    """
    forms: dict[str, tuple[list[bytes], Tensor | None]] = {}
    if raw.dtype == torch.uint8 and raw.dim() == 4:
        forms |= {"image8": as_bytes(raw), "jpeg": as_jpeg(raw)}
    if net.sample.vocabulary:
        ids = as_ids(raw, net.sample.vocabulary)
        messages = [Message(one.nbytes, write_frame(one.tobytes(), one.shape, "input")) for one in ids]
        return {"ids": (messages, None)}
    shape = tuple(raw.shape[1:])
    return {
        name: ([Message(len(one), write_frame(one, shape, "input")) for one in payloads], seen)
        for name, (payloads, seen) in forms.items()
    }


def _early(
    tallies: Mapping[str, CodecTally], labels: Tensor, shipped: Sequence[Shipped], local: int
) -> list[Early]:
    """What each policy leaves and sends at a cut with `local` exits on the device."""
    if not local:
        return []
    found = {name: tally.behind(labels, local) for name, tally in tallies.items()}
    return [
        Early(
            policy=one.spec,
            point=one.point,
            device=next((rows[number][0] for rows in found.values()), 0),
            behind={name: rows[number][1] for name, rows in found.items()},
        )
        for number, one in enumerate(shipped)
    ]


def _local(net: Net, k: int) -> int:
    """How many exits are on the device's side of cut k."""
    return sum(stage < k for stage in net.exits)


def behind(net: Net, k: int, x: Tensor) -> list[Tensor]:
    """The logits of the server's exits for what arrived at cut k, on the CPU."""
    return [one.float().cpu() for one in net.cut(k)[1].run(x)[1:]]


def as_bytes(images: Tensor) -> tuple[list[bytes], Tensor]:
    """Each image as its 8-bit values."""
    return [one.tobytes() for one in images.numpy()], images


def as_ids(texts: Tensor, vocabulary: int) -> list[np.ndarray]:
    """Each text's token ids, of (N, places), without the padding behind them: two bytes an id, or four where needed."""
    kind = "<u2" if vocabulary <= 1 << 16 else "<u4"
    return [np.trim_zeros(one, "b").astype(kind) for one in texts.numpy()]


def as_jpeg(images: Tensor) -> tuple[list[bytes], Tensor]:
    """Each image as JPEG (quality 90, 4:2:0), and what a receiver sees; 2 channels or more than 3 go as grey ones."""
    payloads, seen = [], []
    channels, height, width = images.shape[1:]
    rows = images.permute(0, 2, 3, 1) if channels == 3 else images.reshape(-1, channels * height, width)
    for one in rows.contiguous().numpy():
        picture = Image.fromarray(one)
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=JPEG_QUALITY)
        payloads.append(stream.getvalue())
        with Image.open(io.BytesIO(payloads[-1])) as back:
            seen.append(np.asarray(back))
    back_again = torch.from_numpy(np.stack(seen))
    return payloads, back_again.permute(0, 3, 1, 2) if channels == 3 else back_again.reshape(images.shape)
