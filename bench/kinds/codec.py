"""Codec: a feature tensor to bytes and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from bench.kinds.frame import Content, Payload
from bench.plugins.plugin import Plugin


class Codec(Plugin):
    """The contract: `decode(encode(x), x.shape)` is x, or near it; the payload is `len(encode(x))`.

    A payload may come from anyone: `decode` raises where it is none of this shape, and takes no more memory than the shape
    and the payload warrant.
    """

    kind: ClassVar[str] = "codec"
    content: ClassVar[Content] = "feature"

    @classmethod
    def __pydantic_init_subclass__(cls, **settings: Any) -> None:
        """A class that decodes in its own way decodes several so too, whatever the class above it does with them."""
        super().__pydantic_init_subclass__(**settings)
        if "decode" in vars(cls) and "decode_all" not in vars(cls):
            cls.decode_all = Codec.decode_all

    @property
    def is_lossless(self) -> bool:
        """Whether `decode` gives back every number as it was, so that nothing is answered otherwise behind it."""
        return False

    @property
    def tolerance(self) -> float:
        """By how much a number may come back off, as a share of the feature's span; `seesaw check` holds it."""
        return 0.0 if self.is_lossless else 0.05

    def fixed_bytes(self, shape: tuple[int, ...]) -> int | None:
        """The bytes of every feature of this shape; None where they depend on its numbers."""
        return None

    def encode(self, feature: Tensor) -> bytes:
        """One sample's tensor, float32 on the CPU, as bytes."""
        raise NotImplementedError(f"{type(self).__name__} must define encode(feature)")

    def decode(self, payload: bytes, shape: tuple[int, ...]) -> Tensor:
        """The bytes as a float32 tensor of this shape."""
        raise NotImplementedError(f"{type(self).__name__} must define decode(payload, shape)")

    def decode_all(self, payloads: Sequence[Payload], shape: tuple[int, ...]) -> Tensor:
        """Several payloads as one tensor, (N, *shape): the same as `decode` of each.

        A codec defines it too where bytes are joined more cheaply than tensors. A payload may be a view of bytes.
        """
        decoded = [self.decode(bytes(one), shape) for one in payloads]
        return decoded[0].unsqueeze(0) if len(decoded) == 1 else torch.stack(decoded)


class InputCodec(Codec):
    """A codec of one input as a split holds it, or as a sensor gives it: what `encode` takes and `decode` gives.

    It is measured at cut 0 alone, where the device sends its input.
    """

    content: ClassVar[Content] = "input"
