"""The model of an inference's energy, for machines without a counter: its name, its constants and its formula."""

MODEL = "horowitz45-v1"
"""Name and version of the model; it is part of every modelled column."""

PJ_PER_MAC = 3.7 + 0.9
"""One float32 multiplication and addition, 45 nm (Horowitz, ISSCC 2014)."""

PJ_PER_DRAM_BYTE = 1300 / 8
"""One byte of a 64-bit DRAM access at the lower end of 1300-2600 pJ, 45 nm (Horowitz, ISSCC 2014)."""


def modelled(macs: float, packed_bytes: float) -> float:
    """Joules of one inference: every effective MAC in float32, every packed byte of weights read once from DRAM."""
    return (macs * PJ_PER_MAC + packed_bytes * PJ_PER_DRAM_BYTE) * 1e-12
