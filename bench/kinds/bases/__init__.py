"""Bases of plugins: the parts that many of one kind share."""
