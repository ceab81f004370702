"""Chains: all layers between the input and the exits in one native call."""
