"""The contract of every codec, as a check."""

from __future__ import annotations

import torch

from bench.kinds.codec import Codec
from bench.testing.facts import Facts


def check_codec(codec: Codec, tolerance: float = 0.05) -> list[str]:
    """Check that a feature becomes bytes and comes back in its shape and near the original, odd ones too."""
    facts = Facts()
    generator = torch.Generator().manual_seed(0)
    features = {
        "an ordinary feature": torch.randn(4, 5, 6, generator=generator),
        "a feature of one value": torch.zeros(1),
        "a constant feature": torch.full((3, 2), -7.5),
        "a sparse feature": torch.relu(torch.randn(2, 8, 8, generator=generator) - 2),
        "a large feature": torch.randn(16, generator=generator) * 1e4,
    }
    for name, feature in features.items():
        payload = codec.encode(feature)
        facts.hold(isinstance(payload, bytes), f"{name} becomes bytes")
        back = codec.decode(payload, tuple(feature.shape))
        facts.hold(
            back.shape == feature.shape and back.dtype == torch.float32, f"{name} comes back in its shape"
        )
        span = float(feature.max() - feature.min()) or max(1.0, float(feature.abs().max()))
        miss = float((back - feature).abs().max()) / span
        facts.hold(
            miss <= tolerance,
            f"{name} comes back within {tolerance:.0%} of its span",
            f"It is off by {miss:.1%}.",
        )
        facts.hold(codec.encode(feature) == payload, f"{name} always becomes the same bytes")
    return facts
