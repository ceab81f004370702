"""Plugins: their specs, how they are found and listed, and how a new one is begun."""
