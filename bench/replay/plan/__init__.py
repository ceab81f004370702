"""Planning: limits in, the configuration of the records that keeps to them out; nothing is run."""
