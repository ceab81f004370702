"""Programs: what a native chain reads, laid out and encoded."""
