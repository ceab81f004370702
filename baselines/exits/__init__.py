"""Exits plans."""
