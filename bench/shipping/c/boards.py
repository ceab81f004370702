"""Boards: microcontrollers that QEMU emulates, and how to compile for them."""

from __future__ import annotations

from dataclasses import dataclass

from bench.errors import SeesawError


@dataclass(frozen=True)
class Board:
    """A board with a Cortex-M processor.

    Attributes:
        name: of its processor, as in readings.
        flags: of the compiler for this processor.
        machine: the name that QEMU has for the board.
        flash: address and bytes of the memory for code and constants.
        ram: address and bytes of the memory for all that changes.
        hertz: of the clock that its SysTick counts.
    """

    name: str
    flags: tuple[str, ...]
    machine: str
    flash: tuple[int, int]
    ram: tuple[int, int]
    hertz: int

    @property
    def memory(self) -> str:
        """The memories for a linker script."""
        (flash, bytes_), (ram, size) = self.flash, self.ram
        return (
            f"MEMORY {{\n  FLASH (rx) : ORIGIN = {flash:#x}, LENGTH = {bytes_:#x}\n"
            f"  RAM (rwx) : ORIGIN = {ram:#x}, LENGTH = {size:#x}\n}}\n"
        )


MEGABYTE = 1 << 20
BOARDS = {
    board.name: board
    for board in (
        Board(
            "cortex-m4", ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"), "mps2-an386",
            (0x0, 4 * MEGABYTE), (0x20000000, 4 * MEGABYTE), 25_000_000,
        ),
        Board(
            "cortex-m7", ("-mcpu=cortex-m7", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"), "mps2-an500",
            (0x0, 4 * MEGABYTE), (0x20000000, 4 * MEGABYTE), 25_000_000,
        ),
        Board(
            "cortex-m33", ("-mcpu=cortex-m33", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"), "mps2-an505",
            (0x10000000, 4 * MEGABYTE), (0x38000000, 2 * MEGABYTE), 20_000_000,
        ),
        Board(
            "cortex-m55", ("-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard"), "mps3-an547",
            (0x10000000, MEGABYTE // 2), (0x30000000, MEGABYTE // 2), 32_000_000,
        ),
    )
}  # fmt: skip
"""By name; memories and clocks as QEMU 7.2 has them in hw/arm/mps2.c and hw/arm/mps2-tz.c."""


def board_of(name: str) -> Board:
    """The board of this name.

    Raises:
        SeesawError: there is none.
    """
    if name not in BOARDS:
        raise SeesawError(f"There is no board {name!r}. Choose {', '.join(BOARDS)}.")
    return BOARDS[name]
