"""The codecs of inputs that a run names, at cut 0: bytes, and the accuracy of the network behind them."""

from __future__ import annotations

from collections.abc import Callable

import torch

from bench.errors import SeesawError
from bench.kinds.codec import Codec
from bench.kinds.sending import send
from bench.kinds.task import Data, Split
from bench.measuring.crossings import CodecTally
from bench.measuring.tracing import batches
from bench.network.crossing import Crossing
from bench.network.net import Net
from bench.plugins.plugin import Choice
from bench.records.reading import Readings


@torch.no_grad()
def chosen_inputs(
    net: Net,
    data: Data,
    split: Split,
    codecs: list[Choice[Codec]],
    device: torch.device,
    report: Callable[[float, float, str], None] = lambda done, total, line: None,
) -> Readings:
    """Send every input of a split through each codec.

    Args:
        net: in eval mode, on `device`.
        data: the data that the split belongs to.
        split: the samples to send, images of 8 bits.
        codecs: of inputs.
        device: where the network computes.
        report: called with the samples done, all samples, and a line of text.

    Returns:
        `payload.C` and `framed.C` in bytes, `top1.C` and `top5.C`, for every codec C.

    Raises:
        SeesawError: the samples are no images of 8 bits.
    """
    if codecs and (split.inputs.dtype != torch.uint8 or split.inputs.dim() != 4):
        raise SeesawError(
            f"{codecs[0].spec} sends images of 8 bits, and this task has other samples. Leave it out of --codecs."
        )
    tallies = {codec.spec: CodecTally() for codec in codecs}
    cut = Crossing(tuple(split.inputs.shape[1:]), carried=0, classes=net.classes)
    for rows in batches(split) if codecs else []:
        report(rows.start, len(split.labels), "inputs through codecs")
        for codec in codecs:
            messages, arrived = send(cut, split.inputs[rows], codec.plugin)
            logits = net(data.scale(arrived.to(device)))
            tallies[codec.spec].add(messages, [one.float().cpu() for one in logits])
    return {
        key: reading
        for name, tally in tallies.items()
        for key, reading in tally.readings(split.labels, name).items()
    }
