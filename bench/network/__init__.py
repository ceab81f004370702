"""The network: stages, heads, exits, cuts, and which of its weights exist."""
