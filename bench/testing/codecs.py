"""The contract of every codec, as a check."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.kinds.codec import Codec
from bench.testing.facts import Facts


def features() -> dict[str, Tensor]:
    """Features that a codec must take, odd ones too, by name."""
    generator = torch.Generator().manual_seed(0)
    return {
        "an ordinary feature": torch.randn(4, 5, 6, generator=generator),
        "a feature of one value": torch.zeros(1),
        "a constant feature": torch.full((3, 2), -7.5),
        "a sparse feature": torch.relu(torch.randn(2, 8, 8, generator=generator) - 2),
        "a large feature": torch.randn(16, generator=generator) * 1e4,
    }


def images() -> dict[str, Tensor]:
    """Images that a codec of inputs must take, by name."""
    generator = torch.Generator().manual_seed(0)
    return {
        "an image in colour": torch.randint(0, 256, (3, 16, 12), dtype=torch.uint8, generator=generator),
        "a grey image": torch.randint(0, 256, (1, 9, 7), dtype=torch.uint8, generator=generator),
        "an image of two channels": torch.full((2, 8, 8), 77, dtype=torch.uint8),
        "a single pixel": torch.zeros(1, 1, 1, dtype=torch.uint8),
    }


def check_codec(codec: Codec, tolerance: float | None = None) -> list[str]:
    """Check that a feature becomes bytes and comes back in its shape and near the original, odd ones too, and that
    damaged bytes give an error or a tensor of the shape.

    Args:
        codec: with its settings.
        tolerance: by how much a number may be off, as a share of the feature's span; what the codec says where left out.
    """
    facts, tolerance = Facts(), codec.tolerance if tolerance is None else tolerance
    for name, feature in (images() if codec.content == "input" else features()).items():
        payload, shape = codec.encode(feature), tuple(feature.shape)
        facts.hold(isinstance(payload, bytes), f"{name} becomes bytes")
        back = codec.decode(payload, shape)
        facts.hold(
            back.shape == feature.shape and back.dtype == feature.dtype, f"{name} comes back in its shape"
        )
        own, there = feature.double(), back.double()
        span = float(own.max() - own.min()) or max(1.0, float(own.abs().max()))
        miss = float((there - own).abs().max()) / span
        facts.hold(
            miss <= tolerance,
            f"{name} comes back within {tolerance:.0%} of its span",
            f"It is off by {miss:.1%}. Mend `decode`; where a codec is as coarse by intent, its property `tolerance` says how much.",
        )
        facts.hold(codec.encode(feature) == payload, f"{name} always becomes the same bytes")
        together = codec.decode_all([payload, memoryview(payload)], shape)
        facts.hold(
            torch.equal(together, torch.stack([back, back])), f"{name} comes back the same beside another"
        )
        if codec.is_lossless:
            facts.hold(torch.equal(back, feature), f"{name} comes back without loss")
        fixed = codec.fixed_bytes(shape)
        if fixed is not None:
            facts.hold(fixed == len(payload), f"{name} takes the bytes that `fixed_bytes` gives")
        check_damaged(facts, codec, payload, shape, name)
    return list(dict.fromkeys(facts))


def check_damaged(facts: Facts, codec: Codec, payload: bytes, shape: tuple[int, ...], name: str) -> None:
    """Check that bytes cut short, put behind or turned over give an error, or a tensor of the shape."""
    places = range(0, len(payload), max(1, len(payload) // 16))
    damaged = [payload[:place] for place in places] + [payload + b"\0"]
    damaged += [payload[:at] + bytes([payload[at] ^ 0xFF]) + payload[at + 1 :] for at in places]
    for one in damaged:
        try:
            back = codec.decode(one, shape)
        except Exception:  # whatever it raises, `send` makes a sentence of it
            continue
        facts.hold(tuple(back.shape) == shape, f"damaged bytes of {name} give no other shape")
    facts.append(f"damaged bytes of {name} give an error, or a tensor of its shape")
