"""Notes: the keys of a record's notes that are read elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.records.reading import Reading, Readings

PACKED = "weights sha256"
"""The key of a record's note that holds the fingerprint of its packed weights."""
LOSSLESS = "codecs that lose nothing"
"""The key of a record's note that names the codecs behind which the last exit answers as it does without a cut."""
FIXED = "bytes of every feature, by cut and codec"
"""The key of a record's note that holds the payloads which do not depend on a feature's numbers, logits aside."""
STAGES = "stages"
"""The key of a record's note that names the stages of a network of another library, as that names its blocks."""
COSTLY = "uncounted costly operators"
"""The key of a record's note of operators that its MACs leave out and that may cost as much as what they count."""
INPUTS = "images are scaled as the weights were trained"
"""Note: mean, deviation, size and interpolation, and what tells so."""
OUT_OF_ORDER = "exits slower than a deeper one"
"""The key of a record's note of exits whose times are doubted: by the number of each, that of a deeper exit that was faster."""

LEAN = "products of lean training"
"""The key of a record's note that names the product by which each layer was trained lean: of a layer that is `scattered`, time
falls with the density in nothing but the update."""

DENSE_WAYS = "dense ways"
"""The key of a record's note that lists the ways the dense network was timed in, to the last exit, when the fastest was
chosen: each with its seconds, or with the reason why it was not timed."""
FASTEST = "speedup.fastest"
"""The reading of how many times faster than dense a network is, where dense may be an engine's (ONNX Runtime, OpenVINO). The
older `speedup` is over the dense parent in PyTorch's kernels and native chains alone, so the two are never in one ranking."""


def stage_words(notes: Mapping[str, Any], stage: int) -> str:
    """A stage for people to read: its number, and the name of its block where the network names one."""
    names = notes.get(STAGES, [])
    return f"stage {stage}, {names[stage]}" if stage < len(names) else f"stage {stage}"


def over_dense(readings: Readings) -> Reading | None:
    """How many times faster than the fastest dense way there was; in records made before engines were asked, than the dense
    parent in PyTorch's kernels and native chains. None where neither was timed in turn.
    """
    return readings.get(FASTEST, readings.get("speedup"))


def dense_words(readings: Readings) -> str:
    """The dense way of `over_dense`, in words: what times in brackets are over; "" where nothing was timed in turn."""
    if (one := readings.get(FASTEST)) is not None:
        way = one.source.partition("(")[2].partition(")")[0]
        return f"the fastest dense way here ({way})"
    return "the dense parent by PyTorch or native chains" if "speedup" in readings else ""
