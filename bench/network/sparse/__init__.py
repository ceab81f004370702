"""Masks: which weights of a network exist, and the arithmetic of patterns."""

from bench.network.sparse import degree as degree
