"""Tables: numbers and texts as C constants. Nothing of a record becomes an identifier or a comment."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field

import numpy as np

PLACE, FLOAT, BYTE, LEVEL, WHOLE, WORD = "model_place", "float", "uint8_t", "int8_t", "int32_t", "uint32_t"
"""Types of constants in C. `model_place` is 16 bits wide where every number fits in there, else 32."""
ABSENT = "MODEL_ABSENT"


@dataclass
class Tables:
    """The constant data of one file, equal arrays written once.

    Attributes:
        arrays: by type, content and condition, the name and the numbers.
        top: the largest number among the places.
    """

    arrays: dict[tuple[str, bytes, str], tuple[str, np.ndarray]] = field(default_factory=dict)
    top: int = 0

    def add(self, numbers: np.ndarray, kind: str = PLACE, condition: str = "") -> str:
        """The name in C of an array of these numbers: of places from 0 on (-1 is absent), float32, bytes or whole numbers.

        Args:
            numbers: of any shape.
            kind: their type in C.
            condition: of the preprocessor, under which the array is there; empty for one that always is.
        """
        numbers = np.ascontiguousarray(
            numbers.reshape(-1),
            {FLOAT: "<f4", BYTE: "u1", LEVEL: "i1", WHOLE: "<i4", WORD: "<u4"}.get(kind, "<i8"),
        )
        if kind == PLACE:
            self.top = max(self.top, int(numbers.max(initial=0)))
        name, _ = self.arrays.setdefault(
            (kind, numbers.tobytes(), condition), (f"model_table{len(self.arrays)}", numbers)
        )
        return name

    @property
    def bytes(self) -> int:
        """Bytes of all arrays, once compiled, on processors without SIMD."""
        place = 2 if self.narrow else 4
        sizes = {FLOAT: 4, BYTE: 1, LEVEL: 1, WHOLE: 4, PLACE: place, WORD: 0}
        return sum(sizes[kind] * len(numbers) for (kind, _, _), (_, numbers) in self.arrays.items())

    @property
    def narrow(self) -> bool:
        """Whether 16 bits hold every place, and one more number for what is absent."""
        return self.top < (1 << 16) - 1

    def text(self) -> str:
        """All arrays in C."""
        texts = []
        for (kind, _, condition), (name, numbers) in self.arrays.items():
            array = (
                f"static const {kind} {name}[{len(numbers)}] = {{\n{_wrapped(_written(numbers, kind))}\n}};\n"
            )
            texts.append(f"#if {condition}\n{array}#endif\n" if condition else array)
        return "".join(texts)


def number(value: float) -> str:
    """A float32 in C, exactly; bounds may be infinite."""
    if np.isinf(value):
        return "INFINITY" if value > 0 else "-INFINITY"
    digits = f"{np.float32(value):.9g}"
    return (digits if "." in digits or "e" in digits else f"{digits}.0") + "f"


def quoted(text: str) -> str:
    """Any text as a string literal in C: letters, digits and blanks as they are, every other byte by its number."""
    plain = " -_.,[]=@+:"
    return '"' + "".join(
        chr(byte) if chr(byte) in plain or (byte < 128 and chr(byte).isalnum()) else f"\\{byte:03o}"
        for byte in text.encode("utf-8", "surrogateescape")
    ) + '"'  # fmt: skip


def _written(numbers: np.ndarray, kind: str) -> list[str]:
    if kind == FLOAT:
        return [number(value) for value in numbers]
    if kind in (LEVEL, WHOLE):
        return [str(value) if value > -(1 << 31) else "INT32_MIN" for value in numbers.tolist()]
    return [ABSENT if value < 0 else f"{value}u" for value in numbers.tolist()]


def _wrapped(words: list[str]) -> str:
    return textwrap.fill(
        ", ".join(words), 110, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False
    )
