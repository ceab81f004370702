"""What policies make of traces, without running a network."""
