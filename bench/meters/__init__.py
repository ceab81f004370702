"""Meters: MACs, storage, latency, energy, memory."""
