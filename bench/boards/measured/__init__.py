"""Boards of measured deployments: what was predicted beside what was measured."""
