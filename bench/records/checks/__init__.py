"""Checks: what a written file's own numbers, or other files, say against it."""
