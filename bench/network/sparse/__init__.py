"""Masks, the arithmetic of patterns, and the packed formats."""
