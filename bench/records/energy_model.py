"""The model of an inference's energy, for machines without a counter: its name, its constants and its formula."""

MODEL = "horowitz45-v1"
"""Name and version of the model; it is part of every modelled column."""

PJ_PER_MAC = 3.7 + 0.9
"""One float32 multiplication and addition, 45 nm (Horowitz, ISSCC 2014)."""

PJ_PER_DRAM_BYTE = 1300 / 8
"""One byte of a 64-bit DRAM access at the lower end of 1300-2600 pJ, 45 nm (Horowitz, ISSCC 2014)."""

SPIKES = "horowitz45-spikes-v1"
"""Name and version of the model of a spiking network's arithmetic, its memory left out."""

PJ_PER_ADDITION = 0.9
"""One float32 addition, 45 nm (Horowitz, ISSCC 2014): what a spike costs at each weight that it meets."""


def modelled_spikes(additions: float, macs: float) -> float:
    """Joules of one inference's arithmetic: synaptic operations, and MACs where layers take other numbers than zeros and ones."""
    return (additions * PJ_PER_ADDITION + macs * PJ_PER_MAC) * 1e-12


def modelled(macs: float, packed_bytes: float) -> float:
    """Joules of one inference: every effective MAC in float32, every packed byte of weights read once from DRAM."""
    return (macs * PJ_PER_MAC + packed_bytes * PJ_PER_DRAM_BYTE) * 1e-12
