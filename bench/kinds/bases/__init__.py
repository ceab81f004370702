"""Bases of plugins: what many of one kind share."""
