"""Programs: the steps of a native chain, laid out and encoded."""
