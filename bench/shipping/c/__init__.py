"""C: a packed part as portable C99 for devices without Python, held against the network that it came from."""
