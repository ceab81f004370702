"""A part of a network, run in the way that is fastest on this machine."""
