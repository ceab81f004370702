"""Codec: a feature tensor to bytes and back."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from bench.kinds.frame import Content
from bench.plugins.plugin import Plugin


class Codec(Plugin):
    """The contract: `decode(encode(x), x.shape)` is x, or near it; the payload is `len(encode(x))`."""

    kind: ClassVar[str] = "codec"
    content: ClassVar[Content] = "feature"

    def encode(self, feature: Tensor) -> bytes:
        """One sample's tensor, float32 on the CPU, as bytes."""
        raise NotImplementedError(f"{type(self).__name__} must define encode(feature)")

    def decode(self, payload: bytes, shape: tuple[int, ...]) -> Tensor:
        """The bytes as a float32 tensor of this shape."""
        raise NotImplementedError(f"{type(self).__name__} must define decode(payload, shape)")
