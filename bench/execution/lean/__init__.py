"""Lean training: layers that are trained on the weights that exist alone."""
