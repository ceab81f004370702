"""Split policies: where each request is cut, and through which codec it is sent."""
