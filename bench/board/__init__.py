"""Boards: pages computed from records, and from nothing else."""
