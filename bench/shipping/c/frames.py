"""Frames in C: a part's feature as bytes for the link, and such bytes as a part's input."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.kinds.frame import HEAD, write_frame

CODECS = ("float32", "int8")
"""The codecs that C has: float32 as it is, and a byte a number behind the smallest number and the step."""
SCALES = 8
"""Bytes of the smallest number and the step."""


@dataclass(frozen=True)
class FrameForm:
    """The bytes of a tensor's frame.

    Attributes:
        shape: of the tensor, without the batch.
        codec: of `CODECS`.
    """

    shape: Sequence[int]
    codec: str

    @property
    def numbers(self) -> int:
        """How many the tensor has."""
        return math.prod(self.shape)

    @property
    def payload(self) -> int:
        """Bytes of the payload."""
        return 4 * self.numbers if self.codec == "float32" else SCALES + self.numbers

    @property
    def bytes(self) -> int:
        """Of the whole frame."""
        return HEAD + 4 * len(self.shape) + self.payload

    @property
    def head(self) -> list[int]:
        """The bytes up to the payload, with a checksum of 0."""
        head = bytearray(write_frame(bytes(self.payload), self.shape)[: HEAD + 4 * len(self.shape)])
        head[8:HEAD] = struct.pack("<I", 0)
        return list(head)


def encode(form: FrameForm, given: str) -> str:
    """`model_encode`.

    Args:
        form: of the feature's frame.
        given: the feature's number n in C, float.
    """
    body = ENCODED[form.codec].format(
        given=given, numbers=form.numbers, at=len(form.head), payload=len(form.head) + SCALES
    )
    return (
        "void model_encode(const model_arena *arena, uint8_t frame[MODEL_FRAME_BYTES]) {\n"
        f"{_head_of(form)}  uint32_t n;\n{body}  memcpy(frame, head, sizeof head);\n"
        "  model_put(frame + 8, model_checksum(frame, MODEL_FRAME_BYTES));\n}\n"
    )


def receive(form: FrameForm, place: str, taken: Callable[[str], str]) -> str:
    """`model_receive`.

    Args:
        form: of the frame that comes in.
        place: of the input's number n in C.
        taken: a float in C as the arena has it.
    """
    body = RECEIVED[form.codec].format(
        place=place, taken=taken("one"), at=len(form.head), payload=len(form.head) + SCALES
    )
    return (
        "int model_receive(model_arena *arena, const uint8_t *frame, size_t bytes) {\n"
        f"{_head_of(form)}  uint32_t n;\n"
        "  if (bytes != MODEL_RECEIVED_BYTES || memcmp(frame, head, 8) != 0) return 0;\n"
        f"  if (memcmp(frame + {HEAD}, head + {HEAD}, sizeof head - {HEAD}) != 0) return 0;\n"
        f"  if (model_get(frame + 8) != model_checksum(frame, bytes)) return 0;\n{body}"
        "  arena->next = 0;\n  arena->reached = MODEL_EXITS;\n  return 1;\n}\n"
    )


ENCODED = {
    "float32": """\
  for (n = 0; n < {numbers}u; n++) {{
    const float one = {given};
    uint32_t bits;
    memcpy(&bits, &one, sizeof bits);
    model_put(frame + {at} + 4 * n, bits);
  }}
""",
    "int8": """\
  uint32_t bits;
  float low = INFINITY, high = -INFINITY, step;
  for (n = 0; n < {numbers}u; n++) {{
    const float one = {given};
    if (one < low) low = one;
    if (one > high) high = one;
  }}
  step = (high - low) / 255.0f;
  if (step == 0.0f) step = 1.0f;
  memcpy(&bits, &low, sizeof bits);
  model_put(frame + {at}, bits);
  memcpy(&bits, &step, sizeof bits);
  model_put(frame + {at} + 4, bits);
  for (n = 0; n < {numbers}u; n++) {{
    const float steps = rintf(({given} - low) / step);
    frame[{payload} + n] = steps >= 255.0f ? 255u : steps > 0.0f ? (uint8_t)steps : 0u;
  }}
""",
}
"""The payload of a feature, by codec."""
RECEIVED = {
    "float32": """\
  for (n = 0; n < MODEL_INPUTS; n++) {{
    const uint32_t bits = model_get(frame + {at} + 4 * n);
    float one;
    memcpy(&one, &bits, sizeof one);
    {place} = {taken};
  }}
""",
    "int8": """\
  {{
    const uint32_t first = model_get(frame + {at}), second = model_get(frame + {at} + 4);
    float low, step;
    memcpy(&low, &first, sizeof low);
    memcpy(&step, &second, sizeof step);
    for (n = 0; n < MODEL_INPUTS; n++) {{
      const volatile float above = (float)frame[{payload} + n] * step; /* rounded by itself, whatever the compiler fuses */
      const float one = above + low;
      {place} = {taken};
    }}
  }}
""",
}
"""The numbers of an input, by codec."""


def _head_of(form: FrameForm) -> str:
    return (
        f"  static const uint8_t head[{len(form.head)}] = {{{', '.join(f'{one}u' for one in form.head)}}};\n"
    )
