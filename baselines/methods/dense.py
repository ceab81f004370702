"""Dense: every weight exists. The parent that every other method is compared with."""

from bench import Method


class Dense(Method):
    """Every weight exists: the parent that the others are compared with."""
