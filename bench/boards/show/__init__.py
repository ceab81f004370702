"""A board or a record shown: terminal, Markdown, page, figure, Weights & Biases."""
