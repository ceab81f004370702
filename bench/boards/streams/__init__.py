"""Boards of stream records: online policies."""
