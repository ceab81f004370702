"""Notes: the keys of a record's notes that are read elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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


def stage_words(notes: Mapping[str, Any], stage: int) -> str:
    """A stage for people to read: its number, and the name of its block where the network names one."""
    names = notes.get(STAGES, [])
    return f"stage {stage}, {names[stage]}" if stage < len(names) else f"stage {stage}"
