"""Meters: one cost of a network each."""
