"""Learned codecs measured at the cuts that they were trained for: bytes, accuracies, and what coding itself costs."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from bench.execution.clock import timed, where
from bench.kinds.bases.learned_codec import Coder, FittedCodec
from bench.kinds.sending import send
from bench.kinds.task import Data, Split
from bench.measuring.crossings import CodecTally, Crossed, behind
from bench.measuring.tracing import batches
from bench.network.macs import COUNTER
from bench.network.net import Net
from bench.network.operators import COUNTED
from bench.records.reading import Reading, Readings
from bench.records.record import Early
from bench.replay.exits.shipped import Shipped
from bench.shipping.packed.pack import pack

Fitted = Mapping[int, Mapping[str, FittedCodec]]
"""Trained codecs by cut and spec."""

ROUNDS, SECONDS = 30, 2.0
"""Timings of each coder, at most, and the time in which they are taken at a cut."""


@torch.no_grad()
def learned_crossings(
    net: Net,
    data: Data,
    split: Split,
    codecs: Fitted,
    device: torch.device,
    shipped: Sequence[Shipped] = (),
    report: Callable[[float, float, str], None] = lambda done, total, line: None,
) -> dict[int, Crossed]:
    """Send every sample of a split through every learned codec, at its cuts; `crossings` does so with the others.

    Args:
        net: in eval mode, on `device`.
        data: the data that the split belongs to.
        split: the samples to send.
        codecs: trained for this network.
        device: where the network computes.
        shipped: policies that decide which samples cross.
        report: called with the samples done, all samples, and a line of text.

    Returns:
        The measurements by cut; beside those of other codecs the MACs and packed bytes of encoder and decoder.
    """
    local = {k: sum(stage < k for stage in net.exits) for k in codecs}
    tallies = {
        k: {spec: CodecTally(shipped if local[k] else ()) for spec in by_spec}
        for k, by_spec in codecs.items()
    }
    for rows in batches(split) if codecs else []:
        report(rows.start, len(split.labels), "features through learned codecs")
        crossing, exit_logits = net.passed(data.scale(split.inputs[rows].to(device)))
        whole = [one.float().cpu() for one in exit_logits]
        for k, by_spec in codecs.items():
            for spec, codec in by_spec.items():
                messages, arrived = send(net.crossing(k), crossing[k].float().cpu(), codec)
                tallies[k][spec].add(messages, [*whole[: local[k]], *behind(net, k, arrived.to(device))])
    return {
        k: Crossed(_readings(codecs[k], by_spec, split), _early(by_spec, split, shipped, local[k]))
        for k, by_spec in tallies.items()
    }


def _readings(codecs: Mapping[str, FittedCodec], tallies: Mapping[str, CodecTally], split: Split) -> Readings:
    readings: Readings = {}
    for spec, tally in tallies.items():
        readings |= tally.readings(split.labels, spec)
        for name, value in coder_costs(codecs[spec].coder, codecs[spec].shape).items():
            readings[f"{name}.{spec}"] = value
    return readings


def _early(
    tallies: Mapping[str, CodecTally], split: Split, shipped: Sequence[Shipped], local: int
) -> list[Early]:
    """For each policy, the bytes and right answers through each codec."""
    if not local:
        return []
    counts = {spec: tally.behind(split.labels, local) for spec, tally in tallies.items()}
    return [
        Early(
            policy=one.spec,
            point=one.point,
            device=next(rows[number][0] for rows in counts.values()),
            behind={spec: rows[number][1] for spec, rows in counts.items()},
        )
        for number, one in enumerate(shipped)
    ]


def coder_costs(coder: Coder, shape: tuple[int, ...]) -> Readings:
    """What a coder costs beside the network: `encoder.macs` and `encoder.bytes` on the device, the decoder's on the server."""
    latent, _ = coder.squeeze(coder.encoder(torch.zeros(1, *shape)))
    readings: Readings = {}
    for side, module, x in (
        ("encoder", coder.encoder, torch.zeros(1, *shape)),
        ("decoder", coder.decoder, latent),
    ):
        data = pack(module, "dense")
        assert data is not None
        readings[f"{side}.macs"] = Reading(value=_macs(module, x), unit="MAC", source=COUNTER)
        readings[f"{side}.bytes"] = Reading(value=len(data), unit="B", source="packed, dense")
    return readings


def _macs(module: nn.Module, x: torch.Tensor) -> int:
    counter = FlopCounterMode(display=False, custom_mapping=COUNTED)
    with torch.no_grad(), counter:
        copy.deepcopy(module).to("meta").eval()(x.to("meta"))
    return counter.get_total_flops() // 2


def coder_times(codecs: Fitted) -> dict[int, Readings]:
    """Seconds of coding one sample on this processor, by cut: `encoder.latency` to bytes, `decoder.latency` back."""
    cpu, found = torch.device("cpu"), {}
    for k, by_spec in codecs.items():
        jobs: dict[tuple[str, str], Callable[[], object]] = {}
        for spec, codec in by_spec.items():
            x = torch.randn(codec.shape, generator=torch.Generator().manual_seed(0)).relu()
            payload = codec.encode(x)
            jobs["encoder", spec] = lambda codec=codec, x=x: codec.encode(x)
            jobs["decoder", spec] = lambda codec=codec, payload=payload: codec.decode(payload, codec.shape)
        source = f"clock, {where(cpu)}, batch 1, PyTorch"
        found[k] = {
            f"{side}.latency.{spec}": times.reading(source)
            for (side, spec), times in timed(jobs, cpu, ROUNDS, SECONDS).items()
        }
    return found
