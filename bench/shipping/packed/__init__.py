"""Packed weights: the forms in which masks and values are written and read back."""
