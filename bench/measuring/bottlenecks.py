"""Natural bottlenecks: cuts where less crosses than the input is (Bakhtiarnia et al., Dynamic Split Computing, 2022).

Less in elements is the paper's sense: every block whose output has fewer elements than the input. Less in bytes is another
matter, as an element of the input takes one byte, and one of a feature four: it hangs on the codec, and on whether the
input is sent as its values or as a JPEG. Apart from all such cuts stand those that are smaller than all before them, which
alone can be best while the server is the faster one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor

from bench.errors import SeesawError
from bench.kinds.codec import Codec
from bench.kinds.sending import send
from bench.kinds.task import Data
from bench.measuring.inputs import input_codecs
from bench.network.crossing import Crossing
from bench.network.macs import Tariff
from bench.network.net import Net
from bench.shipping.packed.pack import packings


@dataclass(frozen=True)
class CutSize:
    """What one cut costs and sends.

    Attributes:
        before: the first stage of the server's part.
        shape: of the feature that crosses, without the batch.
        macs: effective multiply-accumulates of the device's part, its heads included.
        packed: bytes of the device's part in its smallest form; 0 where it has no weights.
        payloads: by codec, bytes of a sample's payload: the median where samples differ; None where that
            hangs on samples, and there are none.
    """

    before: int
    shape: tuple[int, ...]
    macs: int
    packed: int
    payloads: dict[str, float | None]

    @property
    def elements(self) -> int:
        """How many numbers the feature has."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Bottlenecks:
    """Cuts that are smaller than the input, by their numbers.

    Attributes:
        all: every cut behind which less crosses than the input is.
        leading: those of them that are smaller than all before.
    """

    all: list[int]
    leading: list[int]


def bottlenecks(whole: float, sizes: Mapping[int, float]) -> Bottlenecks:
    """The bottlenecks among cuts of these sizes, in the order of the network; equal ones are none.

    Args:
        whole: the input's size, in elements or in bytes.
        sizes: by cut, in the same unit.
    """
    smaller, leading, least = [], [], whole
    for cut, size in sizes.items():
        if size < whole:
            smaller.append(cut)
        if size < least:
            leading.append(cut)
            least = size
    return Bottlenecks(smaller, leading)


@torch.no_grad()
def cut_sizes(net: Net, codecs: Mapping[str, Codec], data: Data | None, samples: int) -> list[CutSize]:
    """Every cut of a network but the last, behind which nothing crosses.

    Args:
        net: in eval mode, on the CPU.
        codecs: of features, by name.
        data: whose test split is sent; without, only payloads of a fixed size are known.
        samples: how many of that split to send, from its first.
    """
    tariff = Tariff.of(net)
    raw = None if data is None else data.test.inputs[:samples]
    inputs = _input_codecs(net, raw)
    crossing = None if raw is None or data is None else net.passed(data.scale(raw))[0]
    sizes = []
    for k in range(len(net.stages)):
        front, _ = net.cut(k)
        cut = net.crossing(k) if k else Crossing(net.sample.shape, carried=0, classes=net.classes)
        x = None if crossing is None else crossing[k] if k else raw
        sizes.append(
            CutSize(
                before=k,
                shape=cut.shape,
                macs=tariff.upto(k - 1, effective=True) if k else 0,
                packed=min(map(len, packings(front).values())) if k else 0,
                payloads={name: _payload(cut, x, one) for name, one in (codecs if k else inputs).items()},
            )
        )
    return sizes


def _input_codecs(net: Net, raw: Tensor | None) -> dict[str, Codec]:
    """The codecs of inputs; of images that are not at hand, those that any image of this shape has."""
    if raw is not None:
        return input_codecs(raw, net.sample.vocabulary)
    blank = torch.zeros(1, *net.sample.shape, dtype=torch.uint8)
    return input_codecs(blank, 0) if len(net.sample.shape) == 3 and not net.sample.vocabulary else {}


def _payload(cut: Crossing, x: Tensor | None, codec: Codec) -> float | None:
    """The bytes that a sample's feature (or input) takes, with the logits beside it."""
    if x is not None:
        return median(one.payload for one in send(cut, x, codec)[0])
    fixed = codec.fixed_bytes(cut.shape)
    return None if fixed is None else float(fixed + 4 * cut.carried * cut.classes)


def by_elements(cuts: Sequence[CutSize]) -> Bottlenecks:
    """The natural bottlenecks in the paper's sense: in elements, against the input's."""
    first, *rest = cuts
    return bottlenecks(first.elements, {cut.before: cut.elements for cut in rest})


def by_bytes(cuts: Sequence[CutSize], codec: str, source: str) -> Bottlenecks:
    """The bottlenecks in bytes through a codec, against the input as `source` sends it, such as `jpeg`.

    Raises:
        SeesawError: one of the two is not known.
    """
    first, *rest = cuts
    whole = first.payloads.get(source)
    sizes = {cut.before: size for cut in rest if (size := cut.payloads.get(codec)) is not None}
    if whole is None or len(sizes) < len(rest):
        raise SeesawError(f"The bytes of {codec} or {source} hang on samples. Give the task its data.")
    return bottlenecks(whole, sizes)
