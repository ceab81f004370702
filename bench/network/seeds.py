"""Seeds of parts of a run, derived from the run's own."""

BOUND = 1 << 63
"""Generators and patterns take whole numbers below it; a run's seed may be any below 2^53."""


def derived_seed(seed: int, spread: int, number: int) -> int:
    """The seed of a part of a run: `seed * spread + number`, wrapped where it would be too large.

    Args:
        seed: of the run, below 2^53.
        spread: the distance from one run's seeds to the next one's.
        number: of the part, below `spread` if no two runs are to share a seed.
    """
    return (seed * spread + number) % BOUND
