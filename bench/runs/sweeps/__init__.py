"""Sweeps: the cells of a comparison on several machines, by Ray or by Slurm; the records are the state."""
