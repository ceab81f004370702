"""What a network is: stages, heads, exits, cuts, and which of its weights exist."""
