"""Replay: policies applied to traces and streams, without running a network."""
