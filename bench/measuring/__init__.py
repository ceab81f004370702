"""A trained network measured: tensors across its cuts, exits taken on the clock, meters."""
