"""Fleets: many devices that share servers."""
