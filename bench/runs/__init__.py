"""One request from training to its record, and many of them on workers."""
