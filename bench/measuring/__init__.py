"""A trained network measured: what crosses its cuts, exits taken on the clock, meters."""
