"""Learned codecs at the cuts that they were trained for: what coding itself costs."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from bench.execution.clock import timed, where
from bench.kinds.bases.learned_codec import Coder, FittedCodec
from bench.network.macs import COUNTER
from bench.network.operators import COUNTED
from bench.records.reading import Reading, Readings
from bench.shipping.packed.pack import pack

Fitted = Mapping[int, Mapping[str, FittedCodec]]
"""Trained codecs by cut and spec."""

ROUNDS, SECONDS = 30, 2.0
"""Timings of each coder, at most, and the time in which they are taken at a cut."""


def coder_costs(codecs: Fitted) -> dict[int, Readings]:
    """What coders cost beside the network, by cut: `encoder.macs.C` and `encoder.bytes.C` on the device, the decoder's on
    the server.
    """
    return {
        k: {
            f"{name}.{spec}": one
            for spec, codec in by_spec.items()
            for name, one in _costs(codec.coder, codec.shape).items()
        }
        for k, by_spec in codecs.items()
    }


@torch.no_grad()
def _costs(coder: Coder, shape: tuple[int, ...]) -> Readings:
    """MACs and packed bytes of both halves of a coder, for features of this shape."""
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
