"""Streams: what online policies came to on runs' samples, kept for boards."""
