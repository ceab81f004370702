"""Checks of a written file against its own numbers and against other files."""
