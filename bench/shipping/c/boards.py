"""Boards: microcontrollers that QEMU emulates, and how to compile for them."""

from __future__ import annotations

from dataclasses import dataclass

from bench.errors import SeesawError


@dataclass(frozen=True)
class Tools:
    """Programs that compile for a board, and run it.

    Attributes:
        compiler, sizer, emulator: their names.
        linked: flags of the linker, which name the C library.
        packages: the packages of Debian that bring them.
        machine: the text in C of what depends on the processor.
    """

    compiler: str
    sizer: str
    emulator: str
    linked: tuple[str, ...]
    packages: str
    machine: str


CORTEX = Tools(
    "arm-none-eabi-gcc",
    "arm-none-eabi-size",
    "qemu-system-arm",
    ("--specs=nano.specs", "--specs=nosys.specs"),
    "gcc-arm-none-eabi, libnewlib-arm-none-eabi and qemu-system-arm",
    "cortex.h",
)
RISCV = Tools(
    "riscv64-unknown-elf-gcc",
    "riscv64-unknown-elf-size",
    "qemu-system-riscv32",
    (),
    "gcc-riscv64-unknown-elf, picolibc-riscv64-unknown-elf and qemu-system-misc",
    "riscv.h",
)


@dataclass(frozen=True)
class Board:
    """A board with a processor of microcontrollers.

    Attributes:
        name: of its processor, as in readings.
        flags: of the compiler for this processor.
        machine: the name that QEMU has for the board.
        flash: address and bytes of the memory for code and constants.
        ram: address and bytes of the memory for all that changes.
        hertz: of the clock that counts its instructions.
        tools: that compile for it, and run it.
        options: of the emulator, beside the machine.
    """

    name: str
    flags: tuple[str, ...]
    machine: str
    flash: tuple[int, int]
    ram: tuple[int, int]
    hertz: int
    tools: Tools = CORTEX
    options: tuple[str, ...] = ()

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
        Board(
            "rv32imc", ("-march=rv32imc", "-mabi=ilp32", "-mcmodel=medany", "--specs=picolibc.specs"), "virt",
            (0x80000000, 4 * MEGABYTE), (0x80400000, 4 * MEGABYTE), 1_000_000_000, RISCV, ("-bios", "none"),
        ),
    )
}  # fmt: skip
"""By name; memories and clocks as QEMU 7.2 has them in hw/arm/mps2.c, hw/arm/mps2-tz.c and hw/riscv/virt.c. The last has one memory,
of which a part stands for flash, and no floating-point unit."""


def board_of(name: str) -> Board:
    """The board of this name.

    Raises:
        SeesawError: there is none.
    """
    if name not in BOARDS:
        raise SeesawError(f"There is no board {name!r}. Choose {', '.join(BOARDS)}.")
    return BOARDS[name]
