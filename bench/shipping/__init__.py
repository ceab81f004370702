"""All that leaves the laboratory: packed bytes, parts, exits in other runtimes."""
