"""Replay: policies over traces, without running the network again."""
